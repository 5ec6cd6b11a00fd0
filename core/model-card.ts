// The model card, models/<name>/model.json: what an encoder takes and gives, and where it comes from.
import { z } from "zod";
import { FITS } from "./fit.ts";

/**
 * Model names are also folder names: letters, digits, dot, dash and underscore, at most 64, not starting with a dot.
 */
export const modelNameSchema = z
  .string()
  .regex(/^[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}$/, "expected 1 to 64 letters, digits, dots, dashes or underscores");

const threeNumbers = z.tuple([z.number(), z.number(), z.number()]);

/** How pixels are prepared. Training and serving share it, so that both see the same image. */
const encoderInputSchema = z.object({
  /** Pixels. */
  width: z.int().min(1).max(4096),
  /** Pixels. */
  height: z.int().min(1).max(4096),
  /** How an image of another size is resized to this one. */
  fit: z.enum(FITS),
  /** Per channel R, G, B of values in 0..1: the network sees (value − mean) / std. */
  mean: threeNumbers,
  std: threeNumbers.refine((s) => s.every((v) => v > 0), "expected three numbers above 0"),
});

/** Cosine similarities measured on held-back images; thresholds are calibrated from them. */
const scoreStatisticsSchema = z.object({
  /** Two views of the same image. */
  positive: z.object({ mean: z.number(), std: z.number() }),
  /** Two different images. */
  random: z.object({ mean: z.number(), std: z.number() }),
});

/** The model whose weights a training began with; `imagesSeen` and `seconds` include those of its parent. */
export const parentModelSchema = z.object({
  name: modelNameSchema,
  version: z.string(),
  imagesSeen: z.int().nonnegative(),
  seconds: z.number().nonnegative(),
});

/** What was measured after an epoch of training. */
const curvePointSchema = z.object({
  epoch: z.number().nonnegative(),
  imagesSeen: z.int().nonnegative(),
  /** Mean contrastive loss of the epoch. */
  loss: z.number(),
  /** kNN accuracy on a sample, 0..1; missing where the images had no labels. */
  knn: z.number().optional(),
});

/** Where an encoder that was not trained here comes from. */
const sourceSchema = z.object({
  /** Name of its file. */
  file: z.string(),
  /** Format of the file, such as "PyTorch (zip)". */
  format: z.string(),
  /** Whose training it is of, in words. */
  training: z.string(),
  /** Epochs that the file says it was trained for. */
  epochs: z.number().optional(),
  /** What its authors published for such an encoder, in words; it was not measured here. */
  published: z.string().optional(),
});

/** The images that the embedding of an earlier model was made anew from, and that model. */
const fittedSchema = z.object({
  data: z.string(),
  images: z.int().nonnegative(),
  from: z.object({ name: modelNameSchema, version: z.string() }),
});

/** Measures of the model on labelled images by their names, such as `knn` and `recallAt1`; each 0..1. */
const keptEvaluationSchema = z.object({
  /** Such as "CIFAR-10 test". */
  images: z.string().min(1),
  measures: z.record(z.string(), z.number()),
});

export const modelCardSchema = z.object({
  format: z.literal("moco-search-model"),
  formatVersion: z.literal(1),
  name: modelNameSchema,
  /** Free text that tells two trainings of one name apart, such as the date. */
  version: z.string().min(1).max(64),
  /** SHA-256 of encoder.onnx, hex. */
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  input: encoderInputSchema,
  /** Images of one run, where the encoder takes exactly so many; else it takes any number. */
  batch: z.int().min(1).max(1024).optional(),
  /** Length D of an embedding. */
  dimensions: z.int().min(1).max(65536),
  /** Such as "resnet 32,64,128,256 × 1, pooled features". */
  architecture: z.string(),
  parameters: z.int().nonnegative().optional(),
  training: z
    .object({
      data: z.string(),
      images: z.int().nonnegative(),
      epochs: z.number().nonnegative(),
      imagesSeen: z.int().nonnegative(),
      seconds: z.number().nonnegative(),
      recipe: z.record(z.string(), z.unknown()),
      metrics: z.record(z.string(), z.number()),
      machine: z.string(),
      curve: z.array(curvePointSchema).optional(),
      /** The parent model. Its share is not in `imagesSeen` and `seconds` above. */
      begunFrom: parentModelSchema.optional(),
    })
    .optional(),
  /** Only of imported encoders. */
  source: sourceSchema.optional(),
  /** Only where the embedding was fitted to images without training. */
  fitted: fittedSchema.optional(),
  scores: scoreStatisticsSchema.optional(),
  /** At most one for each set of images. */
  evaluations: z.array(keptEvaluationSchema).optional(),
  /** Licence situation of the training data. */
  licence: z.string(),
  /** ISO 8601. */
  createdAt: z.string(),
});

export type EncoderInput = z.infer<typeof encoderInputSchema>;
export type CurvePoint = z.infer<typeof curvePointSchema>;
export type KeptEvaluation = z.infer<typeof keptEvaluationSchema>;
export type ModelSource = z.infer<typeof sourceSchema>;
export type ScoreStatistics = z.infer<typeof scoreStatisticsSchema>;
export type ParentModel = z.infer<typeof parentModelSchema>;
export type ModelCard = z.infer<typeof modelCardSchema>;
