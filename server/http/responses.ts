// What the server answers: the schemas of the OpenAPI document's responses. A test holds real answers against them.
import { z } from "zod";
import { ERRORS, type ErrorCode } from "../../core/errors.ts";
import { answeredBySchema } from "../domain/generation.ts";
import { imageMatchSchema, imageSchema } from "../domain/image.ts";
import { serverSchema } from "../domain/server.ts";
import { swapSchema } from "../domain/swap.ts";
import { trainingSchema } from "../domain/training.ts";

export { modelListSchema, modelSchema } from "../domain/model.ts";
export { trainingListSchema } from "../domain/training.ts";
export { imageSchema, swapSchema, trainingSchema };

const codes = Object.keys(ERRORS) as [ErrorCode, ...ErrorCode[]];

/** RFC 9457. */
export const problemSchema = z
  .strictObject({ type: z.string(), title: z.string(), status: z.int(), code: z.enum(codes), detail: z.string() })
  .meta({ id: "Problem" });

export const uploadedSchema = z.strictObject({
  images: z.array(imageSchema),
  errors: z.array(z.strictObject({ index: z.int(), name: z.string(), ...problemSchema.shape })),
});

export const imageListSchema = z.strictObject({
  images: z.array(imageSchema),
  /** How many images fit, on all pages; the first page says it. */
  total: z.int().optional(),
  nextCursor: z.string().optional(),
});

/** How many images were changed, and the ids that no image has. */
export const changedSchema = z.strictObject({ changed: z.int(), missing: z.array(z.string()) });

/** How many images were deleted, and the ids that no image has. */
export const deletedSchema = z.strictObject({ deleted: z.int(), missing: z.array(z.string()) });

export const facetsSchema = z.strictObject({
  /** How many images fit the filter. */
  total: z.int(),
  fields: z.array(
    z.strictObject({
      field: z.string(),
      distinct: z.int(),
      images: z.int(),
      values: z.array(z.strictObject({ value: z.union([z.string(), z.number(), z.boolean()]), count: z.int() })),
    }),
  ),
});

/** The SHA-256 among those asked for whose bytes are stored. */
export const knownSchema = z.strictObject({ known: z.array(z.string()) });

export const embeddingsSchema = answeredBySchema.extend({
  dimensions: z.int(),
  embeddings: z.array(z.array(z.number())),
});

export const matchesSchema = answeredBySchema.extend({
  matches: z.array(imageMatchSchema),
  nextCursor: z.string().optional(),
});

export const segmentSchema = answeredBySchema.extend({
  /** A grey PNG in base64 over the whole image, at most 128 pixels a side: 255 inside the shape, 0 outside. */
  mask: z.string(),
  /** The box around it in pixels of the image as displayed. */
  box: z.strictObject({ x: z.int(), y: z.int(), width: z.int(), height: z.int() }),
  /** Its share of the image, 0..1. */
  area: z.number(),
});

export const duplicatesSchema = answeredBySchema.extend({
  /** The one that was used. */
  threshold: z.number(),
  total: z.int(),
  groups: z.array(
    z.strictObject({
      similarity: z.number(),
      exact: z.boolean(),
      images: z.array(imageSchema.omit({ duplicateOf: true })),
    }),
  ),
});

export const mapSchema = answeredBySchema.extend({
  stored: z.int(),
  points: z.array(imageMatchSchema.omit({ score: true }).extend({ x: z.number(), y: z.number() })),
});

/** How much of the map's layout is done, 0..1; 0 where nobody has asked for one. */
export const mapProgressSchema = z.strictObject({ part: z.number().min(0).max(1) });

export const serverListSchema = z.strictObject({ servers: z.array(serverSchema) });

export const swapListSchema = z.strictObject({ swaps: z.array(swapSchema) });

export const swapStartedSchema = z.strictObject({ swap: swapSchema });

export const trainingStartedSchema = z.strictObject({ training: trainingSchema });

export const healthSchema = z.strictObject({ status: z.literal("ok") });
