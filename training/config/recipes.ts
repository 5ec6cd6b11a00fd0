// Hyper-parameters that the user does not set: those of the papers, or ones chosen for the collection.
import type { ArchitectureName } from "../network/backbone.ts";
import type { TrainingConfig } from "./schema.ts";

/** Length of a run in epochs, steps or minutes; the learning rate schedule is fitted to it. */
export type Budget = { readonly epochs: number } | { readonly steps: number } | { readonly minutes: number };

/** All hyper-parameters, with the network by its name. */
export interface RecipeConfig extends Omit<TrainingConfig, "architecture"> {
  readonly architecture: ArchitectureName;
}

/** A configuration and the reasons for it, for people. */
export interface Recipe {
  readonly config: RecipeConfig;
  /** By hyper-parameter; `recipe` is about all of them. */
  readonly reasons: Readonly<Record<string, string>>;
}

/** What the recipe `auto` goes by. */
export interface Circumstances {
  readonly images: number;
  /** Median of the images' smaller sides, pixels. */
  readonly side: number;
  /** Device that trains: `cpu` or another. */
  readonly device: string;
  /** Bytes of memory. */
  readonly memory: number;
  /** The training begins from a model, which can say which images are alike. @default false */
  readonly isWarm?: boolean;
}

/** Names of the recipes. */
export const RECIPE_NAMES = [
  "auto",
  "moco-v1",
  "moco-v2",
  "moco-cifar",
  "moco-v3-resnet50",
  "moco-v3-vit-small",
] as const;

/** One of {@link RECIPE_NAMES}. */
export type RecipeName = (typeof RECIPE_NAMES)[number];

/** Length of a run by recipe, if the user sets none. */
export const DEFAULT_BUDGETS: Readonly<Record<RecipeName, Budget>> = {
  auto: { minutes: 30 },
  "moco-v1": { epochs: 200 },
  "moco-v2": { epochs: 200 },
  "moco-cifar": { epochs: 200 },
  "moco-v3-resnet50": { epochs: 100 },
  "moco-v3-vit-small": { epochs: 300 },
};

/** Largest power of two that is at most `n`; at least 1. */
export const powerOfTwo = (n: number) => 2 ** Math.floor(Math.log2(Math.max(n, 1)));

/** Shared by all recipes. */
const COMMON = {
  mechanism: "moco",
  keyMomentumSchedule: "constant",
  bankMomentum: 0.5,
  neighbours: 0,
  queuePrecision: "float32",
  shuffle: true,
  dim: 128,
  optimizer: "sgd",
  momentum: 0.9,
  decayVectors: true,
  nesterov: false,
  betas: [0.9, 0.999],
  epsilon: 1e-8,
  trust: 0.001,
  seed: 1,
} satisfies Partial<TrainingConfig>;

/** Views of MoCo v2. The authors' CIFAR demo has no blur and allows smaller crops. */
const V2_VIEWS = {
  cropScale: [0.2, 1],
  flip: 0.5,
  jitter: { probability: 0.8, brightness: 0.4, contrast: 0.4, saturation: 0.4, hue: 0.1 },
  grey: 0.2,
  greyFirst: false,
  blur: { probability: 0.5, sigma: [0.1, 2] },
} satisfies TrainingConfig["views"];

const V1: RecipeConfig = {
  ...COMMON,
  imageSize: 224,
  storedSize: 256,
  architecture: "resnet50",
  head: "linear",
  batch: 256,
  queue: 65536,
  keyMomentum: 0.999,
  temperature: 0.07,
  bnGroups: 8,
  learningRate: 0.03,
  weightDecay: 1e-4,
  schedule: { kind: "step", warmup: 0, milestones: [120 / 200, 160 / 200] },
  views: {
    cropScale: [0.2, 1],
    flip: 0.5,
    jitter: { probability: 1, brightness: 0.4, contrast: 0.4, saturation: 0.4, hue: 0.4 },
    grey: 0.2,
    greyFirst: true,
    blur: { probability: 0, sigma: [0.1, 2] },
  },
};

const V2: RecipeConfig = {
  ...V1,
  head: "mlp",
  temperature: 0.2,
  schedule: { kind: "cosine", warmup: 0 },
  views: V2_VIEWS,
};

const CIFAR: RecipeConfig = {
  ...V1,
  imageSize: 32,
  storedSize: 32,
  architecture: "resnet18",
  batch: 512,
  queue: 4096,
  keyMomentum: 0.99,
  temperature: 0.1,
  learningRate: 0.06,
  weightDecay: 5e-4,
  schedule: { kind: "cosine", warmup: 0 },
  views: { ...V2_VIEWS, cropScale: [0.08, 1], blur: { probability: 0, sigma: [0.1, 2] } },
};

/** BYOL's views, which MoCo v3 follows: the first view always blurred, the second seldom, and sometimes solarised. */
const V3_VIEWS = {
  ...V2_VIEWS,
  jitter: { ...V2_VIEWS.jitter, saturation: 0.2 },
  blur: { probability: 1, sigma: [0.1, 2] },
} satisfies TrainingConfig["views"];

const V3_SECOND_VIEWS = {
  ...V3_VIEWS,
  blur: { probability: 0.1, sigma: [0.1, 2] },
  solarize: 0.2,
} satisfies TrainingConfig["views"];

const V3: RecipeConfig = {
  ...V1,
  mechanism: "moco-v3",
  head: "mlp-bn",
  headWidth: 4096,
  headLayers: 2,
  predictor: { width: 4096, lastNorm: false },
  dim: 256,
  batch: 4096,
  queue: 4096, // the loss has no queue: encoders are measured against it
  keyMomentum: 0.99,
  keyMomentumSchedule: "cosine",
  temperature: 1,
  bnGroups: 1, // the authors' batch norm is over all GPUs
  optimizer: "lars",
  learningRate: (0.6 * 4096) / 256,
  weightDecay: 1e-6,
  schedule: { kind: "cosine", warmup: 10 / 100 },
  views: V3_VIEWS,
  keyViews: V3_SECOND_VIEWS,
};

const V3_VIT: RecipeConfig = {
  ...V3,
  architecture: "vit-small",
  headLayers: 3,
  predictor: { width: 4096, lastNorm: true },
  temperature: 0.2,
  optimizer: "adamw",
  learningRate: (1.5e-4 * 4096) / 256,
  weightDecay: 0.1,
  schedule: { kind: "cosine", warmup: 40 / 300 },
  views: { ...V3_VIEWS, cropScale: [0.08, 1] },
  keyViews: { ...V3_SECOND_VIEWS, cropScale: [0.08, 1] },
};

/** The recipe of that name. Only `auto` depends on the circumstances. */
export function recipeOf(name: RecipeName, circumstances: Circumstances): Recipe {
  const published = (config: RecipeConfig, source: string) => ({
    config,
    reasons: { recipe: `recipe ${name}: ${source}` },
  });
  switch (name) {
    case "auto":
      return autoRecipe(circumstances);
    case "moco-v1":
      return published(V1, "as in the paper (He et al. 2020), ResNet-50 on 224×224 pixels");
    case "moco-v2":
      return published(V2, "as in the second paper (Chen et al. 2020), ResNet-50 on 224×224 pixels");
    case "moco-cifar":
      return published(CIFAR, "as in the authors' CIFAR-10 demo, ResNet-18 on 32×32 pixels");
    case "moco-v3-resnet50":
      return published(V3, "as in MoCo v3 (Chen et al. 2021), ResNet-50 on 224×224 pixels");
    case "moco-v3-vit-small":
      return published(V3_VIT, "as in MoCo v3 (Chen et al. 2021), ViT-Small on 224×224 pixels");
  }
}

const GIGABYTE = 2 ** 30;
/** Up to so many images, a training that begins from a model takes neighbours as positives: so far it was measured. */
const SMALL_COLLECTION = 20_000;

/**
 * `auto`: on a CPU, a small residual network whose first layer halves the image, so that it sees many images a minute;
 * in a short run that counts for more than width.
 */
function autoRecipe({ images, side, device, memory, isWarm = false }: Circumstances): Recipe {
  const onProcessor = device === "cpu";
  const imageSize = Math.min(64, Math.max(32, Math.ceil(side / 16) * 16));
  const storedSize = side > 1.25 * imageSize ? 2 * imageSize : imageSize;
  const largestBatch = onProcessor ? (memory < 2 * GIGABYTE ? 64 : 128) : 256;
  const batch = Math.min(largestBatch, Math.max(16, powerOfTwo(images / 24)));
  const queue = Math.min(4096, Math.max(batch, powerOfTwo(images / 4)));
  const keyMomentum = images < 200_000 ? 0.99 : 0.999;
  const hasNeighbours = isWarm && images <= SMALL_COLLECTION;
  return {
    config: {
      ...COMMON,
      imageSize,
      storedSize,
      architecture: onProcessor ? "small-3" : "resnet18",
      head: "mlp",
      batch,
      queue,
      keyMomentum,
      temperature: hasNeighbours ? 0.2 : 0.1,
      neighbours: hasNeighbours ? 5 : 0,
      bnGroups: Math.max(2, Math.min(8, batch / 32)),
      learningRate: ((hasNeighbours ? 0.06 : 0.12) * batch) / 128,
      weightDecay: 5e-4,
      decayVectors: false,
      nesterov: true,
      schedule: { kind: "linear", warmup: 0.02 },
      views: { ...V2_VIEWS, blur: { probability: 0, sigma: [0.1, 2] } },
    },
    reasons: {
      imageSize: `views of ${imageSize}×${imageSize} pixels: the images have about ${side} on their smaller side`,
      architecture: onProcessor
        ? "small residual network of three stages with a halving first layer: on a processor, images seen a minute count for more than width"
        : `ResNet-18: the device ${device} is fast enough for it`,
      batch: `batch ${batch}: small batches make many steps of a small collection, large ones use this machine better`,
      queue: `queue of ${queue} keys: at most a quarter of the ${images} images, so that few negatives show the query's own image`,
      keyMomentum: `key momentum ${keyMomentum}: a ${images < 200_000 ? "small" : "large"} collection is passed in ${images < 200_000 ? "few" : "many"} steps`,
      schedule:
        "learning rate down to 0 in a line, Nesterov's momentum, no decay of biases and batch norm: more is learned in the same time than with the papers' cosine",
      ...(hasNeighbours && {
        neighbours: `an image's key is a view of one of its 5 nearest, by the model that this begins from: that teaches a collection of ${images} more than two views of the image itself`,
      }),
      recipe: `MLP head of MoCo v2, temperature ${hasNeighbours ? "0.2 and half the learning rate, which suit neighbours" : "0.1 as a short run needs"}; its blur is left out, it hides much at this size`,
    },
  };
}
