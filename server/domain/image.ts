// Images as users see them.
import { z } from "zod";
import { type ImageType, MEDIA_TYPES } from "../../core/image-type.ts";

/** Any JSON object that a user stores with an image. */
export const metadataSchema = z.record(z.string(), z.unknown());

export type Metadata = z.infer<typeof metadataSchema>;

/** An uploaded image. */
export const imageSchema = z
  .strictObject({
    id: z.string(),
    /** SHA-256 of the file's bytes, hex. */
    sha256: z.string(),
    type: z.enum(Object.keys(MEDIA_TYPES) as [ImageType, ...ImageType[]]),
    /** Pixels, as displayed. */
    width: z.int(),
    /** Pixels, as displayed. */
    height: z.int(),
    /** Size of the file. */
    bytes: z.int(),
    metadata: metadataSchema,
    createdAt: z.iso.datetime(),
    /** The oldest other image with the same bytes, where there is one. */
    duplicateOf: z.string().optional(),
  })
  .meta({ id: "Image" });

export type Image = Readonly<z.infer<typeof imageSchema>>;

/** An image for itself, without what others have in common with it. */
export type StoredImage = Omit<Image, "duplicateOf">;

/** What filters look at. */
export type FilteredImage = Omit<StoredImage, "id" | "sha256">;

/**
 * What is stored of an upload: type and size from the image header, SHA-256 and length of the file, user's metadata.
 */
export type NewImage = Omit<Image, "id" | "createdAt" | "duplicateOf">;

/** How lists are ordered: by when images were stored. */
export const imageOrderSchema = z.enum(["newest", "oldest"]);

export type ImageOrder = z.infer<typeof imageOrderSchema>;

/** An image that a search found. */
export const imageMatchSchema = z.strictObject({
  id: z.string(),
  /** Cosine similarity with the query, −1..1. */
  score: z.number(),
  /** Pixels, as displayed. */
  width: z.int(),
  /** Pixels, as displayed. */
  height: z.int(),
  metadata: metadataSchema,
});

export type ImageMatch = Readonly<z.infer<typeof imageMatchSchema>>;

/** One file of an upload with an Idempotency-Key. */
export interface UploadKey {
  /** The Idempotency-Key of the request. */
  readonly key: string;
  /** Place of the file in the request, from 0. */
  readonly position: number;
  /** SHA-256 of the file and its metadata: what must be the same when the request is sent again. */
  readonly content: string;
}
