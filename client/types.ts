// What the server takes and answers, inferred from the schemas that validate it and that its OpenAPI document is made
// of. Only types are taken from the server: a client loads none of its code.
import type { z } from "zod";
import type { Filter } from "../server/domain/filter.ts";
import type { Image, Metadata } from "../server/domain/image.ts";
import type { ModelList, ModelView } from "../server/domain/model.ts";
import type { ServerRecord } from "../server/domain/server.ts";
import type { SwapView } from "../server/domain/swap.ts";
import type { TrainingList, TrainingView } from "../server/domain/training.ts";
import type * as requests from "../server/http/requests.ts";
import type * as responses from "../server/http/responses.ts";

export type { Filter, Image, Metadata, ModelList, ModelView, ServerRecord, SwapView, TrainingList, TrainingView };

/** A file's name, for the server's messages, and its bytes. A `File` has both; a `Blob` has no name. */
export type ImageFile = Blob | { readonly name: string; readonly bytes: Uint8Array };

/** What an upload stored, and which files it could not; `index` is a file's place among those sent, from 0. */
export type Uploaded = z.output<typeof responses.uploadedSchema>;

/** A page of images; `nextCursor` where there are more, and on the first page the `total` on all of them. */
export type ImagePage = z.output<typeof responses.imageListSchema>;

/** How many images were changed; `missing` are the ids that no image has. */
export type Changed = z.output<typeof responses.changedSchema>;

/** How many images were deleted; `missing` are the ids that no image has. */
export type Deleted = z.output<typeof responses.deletedSchema>;

/** Stored images that a search found, the most similar first, and the generation and model that answered. */
export type Matches = z.output<typeof responses.matchesSchema>;

/** Unit vectors in the order of the files, and the model that computed them. */
export type Embeddings = z.output<typeof responses.embeddingsSchema>;

/** Groups of duplicates, the largest first; `total` counts those beyond the limit too. */
export type Duplicates = z.output<typeof responses.duplicatesSchema>;

/** How many images fit, and the fields of their metadata with their most frequent values. */
export type Facets = z.output<typeof responses.facetsSchema>;

/** The collection in two dimensions. */
export type CollectionMap = z.output<typeof responses.mapSchema>;

/** Whether a server answers. */
export type Health = z.output<typeof responses.healthSchema>;

/** Options of an upload. */
export interface UploadOptions {
  /** One object for all files, or a list with one for each; at most 64 KB each as JSON. @default {} */
  readonly metadata?: Metadata | readonly Metadata[];
  /** The same upload sent again with its key within 24 hours is answered the same and stores nothing twice. */
  readonly idempotencyKey?: string;
}

/** Options that may be left out, with the cursor as the text that an answer gave. */
type OptionsOf<Query> = { readonly [Name in keyof Query]?: (Name extends "cursor" ? string : Query[Name]) | undefined };

/**
 * Which images to list, by default the newest first; `cursor` is the `nextCursor` of the page before, whose `order` and
 * `filter` it needs again.
 */
export type ListOptions = OptionsOf<z.output<typeof requests.listQuerySchema>>;

/**
 * The shape of a thing: its `mask` over the whole image as a grey PNG in base64, the `box` around it in pixels of the
 * image as displayed, its share of the image (`area`, 0..1), and the model that found it.
 */
export type Segment = z.output<typeof responses.segmentSchema>;

/** The stored image and the clicks, 0..1 from the left and the top of the image as displayed. */
export type SegmentQuery = z.input<typeof requests.jsonSegmentSchema>;

/** Where a thing was clicked on: one `point` or several, and points `outside` it. */
export type SegmentClicks = Omit<SegmentQuery, "id">;

/** A search by a stored image's `id`, a `vector`, or `positive` and `negative` examples. */
export type SearchQuery = z.input<typeof requests.jsonSearchSchema>;

/** What narrows and continues a search by an image; `cursor` is the `nextCursor` of the answer before. */
export type ImageSearchOptions = OptionsOf<z.output<typeof requests.imageSearchSchema>>;

/** What counts as a duplicate, and how many groups are answered. */
export type DuplicateOptions = OptionsOf<z.output<typeof requests.duplicatesQuerySchema>>;

/** Which images, fields and values are counted. */
export type FacetOptions = OptionsOf<z.output<typeof requests.facetsQuerySchema>>;

/** Options of an activation. */
export type ActivateOptions = OptionsOf<z.output<typeof requests.activateQuerySchema>>;

/** What a training is begun with, all of which may be left out. */
export type TrainingOptions = z.input<typeof requests.trainingStartSchema>;

/** A failure as the server answers it (RFC 9457). */
export type Problem = z.output<typeof responses.problemSchema>;
