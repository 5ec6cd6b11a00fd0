// A swap: the replacement of the active generation by another one.
import { z } from "zod";
import { ERRORS, type ErrorCode } from "../../core/errors.ts";
import { modelNamedSchema } from "./generation.ts";
import { SWAP_STATES } from "./swap-state.ts";

export { awaitsApproval, hasEnded, RUNNING_STATES, type SwapState } from "./swap-state.ts";

/** Percentiles of scores. */
const quantilesSchema = z.strictObject({
  p1: z.number(),
  p5: z.number(),
  p25: z.number(),
  p50: z.number(),
  p75: z.number(),
  p95: z.number(),
  p99: z.number(),
});

export type Quantiles = Readonly<z.infer<typeof quantilesSchema>>;

/** What the scores of one model look like. */
const scoreDistributionSchema = z.strictObject({
  /** Of two images taken at random. */
  random: quantilesSchema,
  /** Of an image and the one nearest to it. */
  nearest: quantilesSchema,
  /**
   * Images are alike from this score on: at most half of the stored images have ten others that score as much, and at
   * most one in a hundred random pairs does.
   */
  threshold: z.number(),
});

export type ScoreDistribution = Readonly<z.infer<typeof scoreDistributionSchema>>;

/** Mean average precision on images that metadata groups, 0..1. */
const retrievalSchema = z.strictObject({
  /** Key of the metadata. */
  key: z.string(),
  images: z.int(),
  before: z.number(),
  after: z.number(),
  allowedDrop: z.number(),
});

export type RetrievalComparison = Readonly<z.infer<typeof retrievalSchema>>;

/** Two crops of one image: how often the second is the nearest of all second crops to the first, 0..1. */
const viewsSchema = z.strictObject({
  images: z.int(),
  before: z.number(),
  after: z.number(),
  /** The same by comparing pixels, without a model. */
  pixels: z.number(),
});

export type ViewsComparison = Readonly<z.infer<typeof viewsSchema>>;

/** A candidate beside the generation that it replaces (`before` and `after`), over a sample of what is stored. */
const comparisonSchema = z.strictObject({
  neighbours: z.strictObject({
    /** Contents compared. */
    sample: z.int(),
    /** Share of the 10 nearest before that is among the 10 nearest after. */
    overlapAt10: z.number(),
    /** The images whose neighbours changed most, with the ids of those neighbours. */
    changedMost: z.array(
      z.strictObject({
        id: z.string(),
        overlapAt10: z.number(),
        before: z.array(z.string()),
        after: z.array(z.string()),
        /** Scores of `before` and of `after`, in the same order; reports of older versions lack them. */
        scores: z.strictObject({ before: z.array(z.number()), after: z.array(z.number()) }).optional(),
      }),
    ),
  }),
  /** Missing where fewer than two contents are stored. */
  scores: z.strictObject({ before: scoreDistributionSchema, after: scoreDistributionSchema }).optional(),
  /** Missing where metadata does not say which images belong together. */
  retrieval: retrievalSchema.optional(),
  /** Needs no labels. Missing where too few images are stored, and in reports of older versions. */
  views: viewsSchema.optional(),
});

export type Comparison = Readonly<z.infer<typeof comparisonSchema>>;

/** What the gate found about a candidate. */
const swapReportSchema = z.strictObject({
  /** Distinct contents in the candidate's index. */
  contents: z.int(),
  /** Recall of the candidate's index against exact search over a sample, 0..1. */
  recallAt10: z.number(),
  /** 1 − ‖mean embedding‖²: 0 where all embeddings are the same, towards 1 where they point everywhere. */
  spread: z.number(),
  /**
   * The candidate beside the generation that it replaces. Not for a rollback, which must be quick and is never refused.
   */
  comparison: comparisonSchema.optional(),
  /**
   * How many contents were left out, as their files are missing, damaged or cannot be decoded, and up to 100 of their
   * images.
   */
  skipped: z.strictObject({ contents: z.int(), images: z.array(z.string()) }).optional(),
  /** What a person should know before the candidate answers, in sentences. */
  warnings: z.array(z.string()).optional(),
});

export type SwapReport = Readonly<z.infer<typeof swapReportSchema>>;

/** Why a swap failed. */
const swapErrorSchema = z.strictObject({
  code: z.enum(Object.keys(ERRORS) as [ErrorCode, ...ErrorCode[]]),
  detail: z.string(),
});

export type SwapError = Readonly<z.infer<typeof swapErrorSchema>>;

/** How far a backfill is, in distinct contents. */
const progressSchema = z.strictObject({
  done: z.int(),
  total: z.int(),
  /** Images embedded per second since the backfill began. */
  imagesPerSecond: z.number(),
  secondsLeft: z.number().optional(),
});

export type Progress = Readonly<z.infer<typeof progressSchema>>;

const recordShape = {
  id: z.string(),
  kind: z.enum(["activate", "rollback"]),
  /** Number of the generation that is to become active. */
  generation: z.int(),
  /** Number of the generation that was active when the swap began. */
  replaces: z.int(),
  state: z.enum(SWAP_STATES),
  /** Switches even where the candidate finds less than the active model. */
  force: z.boolean(),
  /** Goes on without images whose stored files are missing, damaged or cannot be decoded; a rollback always does. */
  skipDamaged: z.boolean(),
  /** Waits in the state `ready`, for as long as it takes, until it is approved or discarded. */
  review: z.boolean(),
  approvedAt: z.iso.datetime().optional(),
  report: swapReportSchema.optional(),
  error: swapErrorSchema.optional(),
  createdAt: z.iso.datetime(),
  updatedAt: z.iso.datetime(),
};

/** Options of a swap, given when it begins. @default false for each */
export interface SwapOptions extends Pick<SwapRecord, "force"> {
  readonly skipDamaged?: boolean | undefined;
  readonly review?: boolean | undefined;
}

/** A swap as it is stored. */
export type SwapRecord = Readonly<z.infer<z.ZodObject<typeof recordShape>>>;

/** A swap as users see it: with the model that it leads to, and how far its backfill is where it runs. */
export const swapSchema = z
  .strictObject({ ...recordShape, model: modelNamedSchema, progress: progressSchema.optional() })
  .meta({ id: "Swap" });

export type SwapView = Readonly<z.infer<typeof swapSchema>>;
