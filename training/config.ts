// Every hyper-parameter of a training run, validated together and kept in the run folder.
import { z } from "zod";
import { AppError } from "../core/errors.ts";

const probability = z.number().min(0).max(1);
const positiveInteger = z.int().positive();
const range = z
  .tuple([z.number(), z.number()])
  .refine(([low, high]) => low <= high, "expected the smaller number first");

const viewSchema = z.strictObject({
  cropScale: range,
  flip: probability,
  jitter: z.strictObject({
    probability,
    brightness: z.number().min(0),
    contrast: z.number().min(0),
    saturation: z.number().min(0),
    hue: z.number().min(0).max(0.5),
  }),
  grey: probability,
  greyFirst: z.boolean(),
  blur: z.strictObject({ probability, sigma: range }),
});

const architectureSchema = z.strictObject({
  block: z.enum(["basic", "bottleneck"]),
  widths: z.array(positiveInteger).min(1),
  depths: z.array(positiveInteger).min(1),
  stem: z.strictObject({
    width: positiveInteger,
    kernel: positiveInteger,
    stride: positiveInteger,
    maxPool: z.boolean(),
  }),
});

/** The shape of a training run's config.json. */
export const trainingConfigSchema = z
  .strictObject({
    /** Side of the square views, pixels. */
    imageSize: z.int().min(8).max(512),
    /** Side at which images are kept for cropping, pixels. */
    storedSize: z.int().min(8).max(1024),
    architecture: architectureSchema,
    head: z.enum(["linear", "mlp"]),
    /** Length D of the keys. */
    dim: positiveInteger,
    /** Batch size B. */
    batch: z.int().min(2),
    /** Queue size K. */
    queue: positiveInteger,
    /** Momentum m of the key encoder. */
    keyMomentum: z.number().min(0).max(1),
    /** Temperature T. */
    temperature: z.number().positive(),
    /** Groups of shuffled BN; 1 switches it off. */
    bnGroups: positiveInteger,
    learningRate: z.number().positive(),
    momentum: z.number().min(0).max(1),
    weightDecay: z.number().min(0),
    schedule: z.discriminatedUnion("kind", [
      z.strictObject({ kind: z.literal("cosine"), warmup: probability }),
      z.strictObject({ kind: z.literal("step"), warmup: probability, milestones: z.array(probability) }),
    ]),
    views: viewSchema,
    seed: z.int().min(0).max(0xffffffff),
  })
  .refine((c) => c.batch % c.bnGroups === 0, {
    message: "expected the BN groups to divide the batch",
    path: ["bnGroups"],
  })
  .refine((c) => c.batch / c.bnGroups >= 2, { message: "expected at least 2 images in a BN group", path: ["bnGroups"] })
  .refine((c) => c.queue >= c.batch, { message: "expected the queue to hold at least one batch", path: ["queue"] })
  .refine((c) => c.architecture.depths.length === c.architecture.widths.length, {
    message: "expected one depth for each width",
    path: ["architecture"],
  });

/** Every hyper-parameter of a run. */
export type TrainingConfig = z.infer<typeof trainingConfigSchema>;

/**
 * Checks a configuration.
 *
 * @throws AppError `invalid_configuration` that lists every problem.
 */
export function parseTrainingConfig(value: unknown): TrainingConfig {
  const parsed = trainingConfigSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map((issue) => `  ${issue.path.join(".") || "config"}: ${issue.message}`);
  throw new AppError("invalid_configuration", `The training configuration is not valid:\n${problems.join("\n")}`);
}
