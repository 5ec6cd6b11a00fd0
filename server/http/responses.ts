// What the server answers: the schemas of the OpenAPI document's responses. A test holds real answers against them.
import { z } from "zod";
import { ERRORS, type ErrorCode } from "../../core/errors.ts";
import { modelCardSchema } from "../../core/model-card.ts";
import { RUNNING_STATES } from "../storage/sqlite/swap-records.ts";

const codes = Object.keys(ERRORS) as [ErrorCode, ...ErrorCode[]];

/** RFC 9457. */
export const problemSchema = z
  .strictObject({ type: z.string(), title: z.string(), status: z.int(), code: z.enum(codes), detail: z.string() })
  .meta({ id: "Problem" });

const metadata = z.record(z.string(), z.unknown());

export const imageSchema = z
  .strictObject({
    id: z.string(),
    sha256: z.string(),
    type: z.enum(["jpeg", "png", "webp", "avif", "tiff", "gif"]),
    width: z.int(),
    height: z.int(),
    bytes: z.int(),
    metadata,
    createdAt: z.iso.datetime(),
    duplicateOf: z.string().optional(),
  })
  .meta({ id: "Image" });

const answeredBy = {
  generation: z.int(),
  model: z.strictObject({ name: z.string(), version: z.string(), sha256: z.string() }),
};

export const uploadedSchema = z.strictObject({
  images: z.array(imageSchema),
  errors: z.array(z.strictObject({ index: z.int(), name: z.string(), ...problemSchema.shape })),
});

export const imageListSchema = z.strictObject({ images: z.array(imageSchema), nextCursor: z.string().optional() });

/** The SHA-256 among those asked for whose bytes are stored. */
export const knownSchema = z.strictObject({ known: z.array(z.string()) });

export const embeddingsSchema = z.strictObject({
  ...answeredBy,
  dimensions: z.int(),
  embeddings: z.array(z.array(z.number())),
});

export const matchesSchema = z.strictObject({
  ...answeredBy,
  matches: z.array(z.strictObject({ id: z.string(), score: z.number(), metadata })),
  nextCursor: z.string().optional(),
});

export const duplicatesSchema = z.strictObject({
  ...answeredBy,
  threshold: z.number(),
  total: z.int(),
  groups: z.array(
    z.strictObject({
      similarity: z.number(),
      exact: z.boolean(),
      images: z.array(z.strictObject({ id: z.string(), sha256: z.string() })),
    }),
  ),
});

export const mapSchema = z.strictObject({
  ...answeredBy,
  stored: z.int(),
  points: z.array(z.strictObject({ id: z.string(), x: z.number(), y: z.number(), metadata })),
});

export const modelSchema = z
  .union([
    z.strictObject({
      name: z.string(),
      state: z.enum(["active", "loading", "available"]),
      card: modelCardSchema,
      appearedAt: z.iso.datetime().optional(),
    }),
    z.strictObject({ name: z.string(), state: z.literal("invalid"), reason: z.string() }),
  ])
  .meta({ id: "Model" });

const quantiles = z.strictObject({
  p1: z.number(),
  p5: z.number(),
  p25: z.number(),
  p50: z.number(),
  p75: z.number(),
  p95: z.number(),
  p99: z.number(),
});
const scores = z.strictObject({ random: quantiles, nearest: quantiles, threshold: z.number() });

const comparisonSchema = z.strictObject({
  neighbours: z.strictObject({
    sample: z.int(),
    overlapAt10: z.number(),
    changedMost: z.array(
      z.strictObject({
        id: z.string(),
        overlapAt10: z.number(),
        before: z.array(z.string()),
        after: z.array(z.string()),
        scores: z.strictObject({ before: z.array(z.number()), after: z.array(z.number()) }).optional(),
      }),
    ),
  }),
  scores: z.strictObject({ before: scores, after: scores }).optional(),
  retrieval: z
    .strictObject({
      key: z.string(),
      images: z.int(),
      before: z.number(),
      after: z.number(),
      allowedDrop: z.number(),
    })
    .optional(),
});

export const swapSchema = z
  .strictObject({
    id: z.string(),
    kind: z.enum(["activate", "rollback"]),
    state: z.enum([...RUNNING_STATES, "active", "retired", "failed", "cancelled"]),
    model: answeredBy.model,
    generation: z.int(),
    replaces: z.int(),
    force: z.boolean(),
    progress: z
      .strictObject({
        done: z.int(),
        total: z.int(),
        imagesPerSecond: z.number(),
        secondsLeft: z.number().optional(),
      })
      .optional(),
    report: z
      .strictObject({
        contents: z.int(),
        recallAt10: z.number(),
        spread: z.number(),
        comparison: comparisonSchema.optional(),
      })
      .optional(),
    error: z.strictObject({ code: z.enum(codes), detail: z.string() }).optional(),
    createdAt: z.iso.datetime(),
    updatedAt: z.iso.datetime(),
  })
  .meta({ id: "Swap" });

const servedModel = z.strictObject({
  generation: z.int(),
  card: modelCardSchema,
  threshold: z.number().optional(),
});

export const modelListSchema = z.strictObject({
  active: servedModel.nullable(),
  previous: servedModel.nullable(),
  swap: swapSchema.nullable(),
  models: z.array(modelSchema),
});

export const swapListSchema = z.strictObject({ swaps: z.array(swapSchema) });

export const swapStartedSchema = z.strictObject({ swap: swapSchema });

export const healthSchema = z.strictObject({ status: z.literal("ok") });
