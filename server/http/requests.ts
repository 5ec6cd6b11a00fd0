// What clients may send: the schemas that validate requests and describe them in the OpenAPI document.
import { z } from "zod";
import { modelNameSchema } from "../../core/model-card.ts";
import { filterSchema } from "../domain/filter.ts";
import { metadataSchema as anyMetadataSchema, imageOrderSchema } from "../domain/image.ts";
import { hasFiniteNumbers } from "../domain/json-limits.ts";
import { pointSchema } from "../domain/shape.ts";
import { cursorOf, jsonText } from "./validate.ts";

/** Bytes of the metadata of one image, as JSON in UTF-8. */
const MAX_METADATA_BYTES = 64 * 1024;

/** Metadata of an accepted size. */
export const metadataSchema = anyMetadataSchema
  .refine((metadata) => Buffer.byteLength(JSON.stringify(metadata)) <= MAX_METADATA_BYTES, {
    error: `expected at most ${MAX_METADATA_BYTES} bytes of metadata`,
    abort: true,
  })
  .refine(hasFiniteNumbers, "expected numbers below 1.8e308");

/** The field `metadata` of an upload: one object for all its files, or a list with one for each. */
export const uploadFieldsSchema = z.strictObject({
  metadata: jsonText(
    z.union([metadataSchema, z.array(metadataSchema)], { error: "expected an object or a list of objects" }),
  ).optional(),
});

export const uploadHeadersSchema = z.object({
  "idempotency-key": z.string().min(1).max(200).optional(),
});

export const patchSchema = z.strictObject({
  /** Keys to set; null removes a key (RFC 7396). */
  metadata: metadataSchema,
});

const imageId = z.string().min(1).max(64);

/** Images of a request about many; one that is named twice counts once. */
const imageIds = (most: number) => z.array(imageId).min(1).max(most);

export const bulkPatchSchema = z.strictObject({
  ids: imageIds(1000),
  /** Keys to set in each; null removes a key (RFC 7396). */
  metadata: metadataSchema,
});

export const bulkDeleteSchema = z.strictObject({ ids: imageIds(1000) });

export const archiveSchema = z.strictObject({ ids: imageIds(10_000) });

export const listQuerySchema = z
  .strictObject({
    limit: z.coerce.number().int().min(1).max(1000).default(100),
    /** By when images were stored. */
    order: imageOrderSchema.default("newest"),
    filter: jsonText(filterSchema).optional(),
    cursor: cursorOf(z.strictObject({ order: imageOrderSchema, after: z.int().positive() })).optional(),
  })
  .refine(({ order, cursor }) => !cursor || cursor.order === order, {
    error: "expected the `order` that the cursor's list has",
    path: ["cursor"],
  });

export const facetsQuerySchema = z.strictObject({
  filter: jsonText(filterSchema).optional(),
  /** Only this field of the metadata, whether it groups images or not. */
  field: z
    .string()
    .min(1)
    .max(200)
    .refine((field) => !field.startsWith("$"), "expected a field of the metadata: those of $ are the server's")
    .optional(),
  /** Only values that contain this text; case does not count. */
  search: z.string().max(200).optional(),
  /** Values of each field at most. */
  limit: z.coerce.number().int().min(1).max(1000).default(50),
});

/** Which of these contents are stored? */
export const knownQuerySchema = z.strictObject({
  /** SHA-256 of files, hex in lower case. */
  sha256: z
    .array(z.string().regex(/^[0-9a-f]{64}$/, "expected a SHA-256 in hex"))
    .min(1)
    .max(1000),
});

export const swapListQuerySchema = z.strictObject({ limit: z.coerce.number().int().min(1).max(1000).default(100) });

export const contentQuerySchema = z.strictObject({
  /** Longest side of a thumbnail, pixels. */
  size: z.coerce.number().int().min(16).max(2048).optional(),
});

export const duplicatesQuerySchema = z.strictObject({
  /** Cosine similarity from which two images count as duplicates. Default: measured on the collection. */
  threshold: z.coerce.number().min(0).max(1).optional(),
  /** Groups at most. */
  limit: z.coerce.number().int().min(1).max(1000).default(100),
});

/** True or false in an address; the other words that are taken, such as 1 and 0, are not documented. */
const flag = z.stringbool().meta({ enum: ["true", "false"] });

export const activateQuerySchema = z.strictObject({
  /** Activates the model even where it finds less than the active one. */
  force: flag.default(false),
  /** Goes on without images whose stored files are missing, damaged or cannot be decoded. */
  skipDamaged: flag.default(false),
  /** Waits before the switch until it is approved or discarded. Default: as the server is configured. */
  review: flag.optional(),
});

export const trainingStartSchema = z.strictObject({
  /** Of the model. Default: "trained-" and the time. */
  name: modelNameSchema.refine((name) => !name.endsWith(".tmp"), "expected a name without .tmp at its end").optional(),
  /** How long it learns; reading the images comes before. */
  minutes: z.number().min(1).max(1440).default(30),
  /** Model that was trained here and whose weights it begins with. */
  init: modelNameSchema.optional(),
  /** Default: half of the server's cores. */
  threads: z.int().min(1).max(1024).optional(),
});

/** Most matches that can be paged through. */
const MAX_OFFSET = 10_000;

const searchCursor = cursorOf(
  z.strictObject({ generation: z.int().positive(), offset: z.int().min(1).max(MAX_OFFSET) }),
);

/** What every search takes. */
const optionsOf = (number: z.ZodNumber) => ({
  k: number.int().min(1).max(1000).default(10),
  minScore: number.min(-1).max(1).optional(),
  cursor: searchCursor.optional(),
});

const exampleIds = z.array(imageId).max(100);

/** Points of a shape at most. */
const MAX_POINTS = 32;
/** Characters of a mask in base64: a PNG of 1024 × 1024 pixels has far fewer. */
const MAX_MASK_TEXT = 256 * 1024;

/** On the thing: a point, or several. */
const insidePoints = z.union([pointSchema, z.array(pointSchema).min(1).max(MAX_POINTS)], {
  error: `expected a point {"x":0.4,"y":0.6} of numbers 0 to 1, or a list of 1 to ${MAX_POINTS}`,
});
/** Beside the thing. */
const outsidePoints = z.array(pointSchema).max(MAX_POINTS);
/** A grey PNG in base64: 255 inside the shape, 0 outside. */
const maskText = z.base64("expected a PNG in base64").min(1).max(MAX_MASK_TEXT);

export const imageSegmentSchema = z.strictObject({
  /** On the thing: {"x":0.4,"y":0.6} from the left and the top of the image as displayed, or a list, as JSON. */
  point: jsonText(insidePoints),
  /** Beside the thing, a JSON list. */
  outside: jsonText(outsidePoints).default([]),
});

export const jsonSegmentSchema = z.strictObject({
  id: imageId,
  /** On the thing, 0..1 from the left and the top of the image as displayed: a point, or a list. */
  point: insidePoints,
  /** Beside the thing. */
  outside: outsidePoints.default([]),
});

// In a multipart body numbers come as text, and lists and filters as JSON.
export const imageSearchSchema = z.strictObject({
  ...optionsOf(z.coerce.number()),
  filter: jsonText(filterSchema).optional(),
  /** x,y,width,height in pixels of the image as displayed. */
  region: z
    .string()
    .regex(/^\d{1,6},\d{1,6},[1-9]\d{0,5},[1-9]\d{0,5}$/, "expected x,y,width,height in whole pixels")
    .transform((text) => {
      const [x, y, width, height] = text.split(",").map(Number) as [number, number, number, number];
      return { x, y, width, height };
    })
    .optional(),
  /** On a thing whose shape is searched with: a point or a list, as JSON. */
  point: jsonText(insidePoints).optional(),
  /** Beside that thing, a JSON list; with `point`. */
  outside: jsonText(outsidePoints).optional(),
  /** The shape that is searched with, as `POST /v1/segments` answers it. */
  mask: maskText.optional(),
  /** Images that matches should also be like, a JSON list of ids. */
  positive: jsonText(exampleIds).default([]),
  /** Images that matches should be unlike, a JSON list of ids. */
  negative: jsonText(exampleIds).default([]),
});

/** Numbers of a vector at most: more than any encoder gives. */
const MAX_DIMENSIONS = 65_536;

/** As `z.array(z.number())`, which makes an object for each number: a twentieth of a search. */
const vectorSchema = z
  .custom<number[]>((value) => Array.isArray(value) && value.length <= MAX_DIMENSIONS && value.every(Number.isFinite), {
    error: ({ input }) =>
      `expected a list of at most ${MAX_DIMENSIONS} finite numbers but received ${shownVector(input)}`,
  })
  .meta({ override: { maxItems: MAX_DIMENSIONS, type: "array", items: { type: "number" } } });

function shownVector(given: unknown): string {
  if (!Array.isArray(given)) return JSON.stringify(given);
  if (given.length > MAX_DIMENSIONS) return `${given.length} values`;
  const place = given.findIndex((value) => !Number.isFinite(value));
  return `${JSON.stringify(given[place])} at ${place}`;
}

export const jsonSearchSchema = z
  .strictObject({
    id: imageId.optional(),
    vector: vectorSchema.optional(),
    /** On a thing in the image `id` whose shape is searched with: a point or a list. */
    point: insidePoints.optional(),
    /** Beside that thing; with `point`. */
    outside: outsidePoints.optional(),
    /** The shape in the image `id` that is searched with, as `POST /v1/segments` answers it. */
    mask: maskText.optional(),
    /** Images that matches should be like. */
    positive: exampleIds.min(1).optional(),
    /** Images that matches should be unlike; with `positive`. */
    negative: exampleIds.optional(),
    ...optionsOf(z.number()),
    filter: filterSchema.optional(),
  })
  .refine(
    ({ id, vector, positive }) => [id, vector, positive].filter((given) => given !== undefined).length === 1,
    "expected one of `id`, `vector` and `positive`",
  )
  .refine(({ positive, negative }) => positive || !negative, "expected `positive` beside `negative`")
  .refine(({ id, point, mask }) => id !== undefined || (!point && !mask), "expected `id` beside `point` or `mask`");
