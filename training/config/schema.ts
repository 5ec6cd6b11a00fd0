// All hyper-parameters of a training run, validated together and kept in its folder.
import { z } from "zod";
import { AppError } from "../../core/errors.ts";
import { HEADS } from "../network/heads.ts";
import { smallQueriesSchema, viewRecipeSchema } from "../views/recipe.ts";

const probability = z.number().min(0).max(1);
const positiveInteger = z.int().positive();

const stages = {
  widths: z.array(positiveInteger).min(1).readonly(),
  depths: z.array(positiveInteger).min(1).readonly(),
  stem: z.strictObject({
    width: positiveInteger,
    kernel: positiveInteger,
    stride: positiveInteger,
    padding: z.int().min(0).optional(),
    maxPool: z.boolean(),
  }),
};

/** Schema of a normalisation: numbers of the three channels, of values in 0..1. */
export const normalisationSchema = z.strictObject({
  mean: z.tuple([z.number(), z.number(), z.number()]).readonly(),
  std: z.tuple([z.number().positive(), z.number().positive(), z.number().positive()]).readonly(),
});

/** Schema of a network. */
export const architectureSchema = z.discriminatedUnion("block", [
  z.strictObject({
    block: z.enum(["basic", "bottleneck"]),
    ...stages,
    expansion: positiveInteger.optional(),
    groups: positiveInteger.optional(),
    zeroInitResidual: z.boolean().optional(),
  }),
  z.strictObject({ block: z.literal("regnet"), ...stages, groupWidth: positiveInteger, squeeze: probability }),
  z.strictObject({
    block: z.literal("vit"),
    widths: z.array(positiveInteger).length(1).readonly(),
    depths: z.array(positiveInteger).length(1).readonly(),
    heads: positiveInteger,
    patch: positiveInteger,
    hidden: positiveInteger,
    layerScale: z.boolean(),
    positions: z.enum(["learned", "sin-cos"]).optional(),
    frozenPatches: z.boolean().optional(),
  }),
]);

/**
 * Where negative keys come from: the three of the paper's figure 2; MoCo v3, where they are those of the batch; or
 * distillation from another encoder.
 */
export const MECHANISMS = ["moco", "memory-bank", "end-to-end", "moco-v3", "distillation"] as const;

/** Schema of a run's config.json. */
const trainingConfigSchema = z
  .strictObject({
    /** Side of the square views, pixels. */
    imageSize: z.int().min(8).max(512),
    /** Side of the stored images that views are cropped from, pixels. */
    storedSize: z.int().min(8).max(1024),
    /** Mean and standard deviation of the values 0..1 that the network takes as 0 and 1. @default ImageNet's */
    normalisation: normalisationSchema.optional(),
    architecture: architectureSchema,
    /** Where the negative keys come from. */
    mechanism: z.enum(MECHANISMS).default("moco"),
    head: z.enum(HEADS),
    /** Width of the hidden layers of an MLP head. @default the width of the features */
    headWidth: positiveInteger.optional(),
    /** Layers of the head `mlp-bn`. @default 2 */
    headLayers: z.int().min(2).optional(),
    /** MoCo v3 only: the predictor that queries pass, and keys do not. */
    predictor: z.strictObject({ width: positiveInteger, lastNorm: z.boolean() }).optional(),
    /** Length D of the keys. */
    dim: positiveInteger,
    /** Batch size B. */
    batch: z.int().min(2),
    /** Queue size K. */
    queue: positiveInteger,
    /** Number format of the keys in the queue; products are computed in float32. */
    queuePrecision: z.enum(["float32", "float16"]).default("float32"),
    /** Momentum m of the key encoder. */
    keyMomentum: probability,
    /** How it changes: not, or from there to 1 by half a cosine, as MoCo v3. */
    keyMomentumSchedule: z.enum(["constant", "cosine"]).default("constant"),
    /** Distillation only: the encoder that is learned from. */
    teacher: z
      .strictObject({
        name: z.string(),
        /** SHA-256 of its ONNX file, hex. */
        sha256: z.string(),
        /** Length of its embeddings. */
        dimensions: positiveInteger,
        /** Temperature of its similarities; that of the student is `temperature`. */
        temperature: z.number().positive(),
      })
      .optional(),
    /**
     * How many of an image's nearest, by the model that the run begins from, its key is drawn from. 0: its key is a view
     * of the image itself.
     */
    neighbours: z.int().min(0).max(1000).default(0),
    /** Momentum of the memory bank: the share of its old value that a slot keeps in an update. */
    bankMomentum: probability.default(0.5),
    /** Temperature T. */
    temperature: z.number().positive(),
    /** BN groups: parts of the batch with batch statistics of their own, each standing for a GPU of the paper. */
    bnGroups: positiveInteger,
    /** Shuffling BN: keys are encoded in other BN groups than their queries, so that the two share no statistics. */
    shuffle: z.boolean().default(true),
    optimizer: z.enum(["sgd", "adamw", "lars"]).default("sgd"),
    learningRate: z.number().positive(),
    weightDecay: z.number().min(0),
    /** SGD only: weight decay for one-dimensional tensors (biases, batch norm) too. */
    decayVectors: z.boolean().default(true),
    /** SGD only: Nesterov momentum. */
    nesterov: z.boolean().default(false),
    /** Momentum of SGD and LARS. */
    momentum: probability,
    /** β₁ and β₂ of AdamW: decay rates of the averages of the gradient and its square. */
    betas: z.tuple([probability, probability]).default([0.9, 0.999]),
    /** ε of AdamW. */
    epsilon: z.number().positive().default(1e-8),
    /** Trust coefficient η of LARS: norm of an update ÷ norm of the weights. */
    trust: z.number().positive().default(0.001),
    schedule: z.discriminatedUnion("kind", [
      z.strictObject({ kind: z.enum(["cosine", "linear"]), warmup: z.number().min(0).lt(1) }),
      z.strictObject({ kind: z.literal("step"), warmup: z.number().min(0).lt(1), milestones: z.array(probability) }),
    ]),
    views: viewRecipeSchema,
    /** What keys are drawn from (MoCo v3: the second view) where that is something else. */
    keyViews: viewRecipeSchema.optional(),
    /** If given, an image's queries are several small views instead of one of full size; its key stays the same. */
    smallQueries: smallQueriesSchema.optional(),
    seed: z.int().min(0).max(0xffffffff),
  })
  .superRefine((c, context) => {
    const expect = (holds: boolean, path: string, message: string) => {
      if (!holds) context.addIssue({ code: "custom", path: path.split("."), message });
    };
    const { widths, depths } = c.architecture;
    expect(
      c.batch % c.bnGroups === 0,
      "bnGroups",
      `expected the ${c.bnGroups} BN groups to divide the batch of ${c.batch}`,
    );
    expect(
      c.batch / c.bnGroups >= 2,
      "bnGroups",
      `expected 2 images or more in each of ${c.bnGroups} BN groups, with a batch of ${c.batch}`,
    );
    expect(
      c.queue >= c.batch || c.mechanism === "end-to-end" || c.mechanism === "moco-v3",
      "queue",
      `expected the queue of ${c.queue} to hold at least one batch of ${c.batch}`,
    );
    expect(
      c.queuePrecision === "float32" || c.mechanism !== "memory-bank",
      "queuePrecision",
      "expected float32 with a memory bank, whose slots are averages",
    );
    expect(
      c.mechanism === "moco" || !c.smallQueries,
      "smallQueries",
      `expected one query of full size with the mechanism ${c.mechanism}: only moco takes several`,
    );
    expect(
      c.head !== "mlp-bn" || !c.smallQueries?.pairs,
      "smallQueries.pairs",
      "expected a head without batch norm, linear or mlp, where pairs of queries are averaged: an average belongs to no BN group",
    );
    expect(
      (c.mechanism === "moco-v3") === (c.predictor !== undefined),
      "predictor",
      `expected a predictor with the mechanism moco-v3, and with no other: the recipes moco-v3-resnet50 and moco-v3-vit-small have one`,
    );
    expect(
      c.neighbours === 0 || (c.mechanism === "moco" && c.bnGroups > 1 && c.shuffle && c.batch % 2 === 0),
      "neighbours",
      "expected 0, or the mechanism moco with an even batch, 2 BN groups or more, and shuffling: keys are exchanged on their way back from it",
    );
    expect(
      (c.mechanism === "distillation") === (c.teacher !== undefined),
      "mechanism",
      `expected a teacher with the mechanism distillation, and with no other: not ${c.teacher?.name ?? "none"} with ${c.mechanism}`,
    );
    expect(
      !c.teacher || c.teacher.dimensions === c.dim,
      "dim",
      `expected the ${c.teacher?.dimensions} dimensions of the teacher ${c.teacher?.name}, not ${c.dim}`,
    );
    expect(
      c.storedSize >= c.imageSize,
      "storedSize",
      `expected images to be kept at the size of the views, ${c.imageSize}, or larger, not ${c.storedSize}`,
    );
    expect(depths.length === widths.length, "architecture.depths", "expected one depth for each width");
    if (c.architecture.block === "vit") {
      const { heads, patch } = c.architecture;
      expect(
        widths[0]! % heads === 0,
        "architecture.heads",
        `expected heads that divide the width ${widths}, not ${heads}`,
      );
      expect(
        c.architecture.positions !== "sin-cos" || widths[0]! % 4 === 0,
        "architecture.widths",
        `expected a multiple of 4 with positions of sines and cosines, not ${widths}`,
      );
      expect(
        c.imageSize % patch === 0,
        "imageSize",
        `expected a multiple of the ${patch} pixels of a patch, not ${c.imageSize}`,
      );
    }
    if (c.architecture.block === "regnet") {
      const { groupWidth } = c.architecture;
      expect(
        widths.every((w) => w % groupWidth === 0),
        "architecture.widths",
        `expected multiples of the group width ${groupWidth}`,
      );
    }
  });

/** All hyper-parameters of a run. */
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

/**
 * Reads the configuration that stands in a file of weights or a checkpoint, as JSON.
 *
 * @throws AppError `invalid_checkpoint` where it is no JSON, `invalid_configuration` as {@link parseTrainingConfig}.
 */
export function readStoredConfig(json: string | undefined, path: string): TrainingConfig {
  let value: unknown;
  try {
    value = JSON.parse(json ?? "null");
  } catch (error) {
    throw new AppError("invalid_checkpoint", `Expected ${path} to hold its configuration but that part is not whole.`, {
      cause: error,
    });
  }
  return parseTrainingConfig(value);
}
