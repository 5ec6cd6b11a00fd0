// What is compared: `auto` as it was first, and one idea after the other on top of it.
import type { Settings } from "../../training/config/settle.ts";

/**
 * `auto` of the first edition for CIFAR-10 on a processor, written out: it stays what it was when `auto` learns better.
 */
export const FIRST = {
  imageSize: 32,
  storedSize: 32,
  architecture: "small",
  head: "mlp",
  dim: 128,
  batch: 128,
  queue: 4096,
  keyMomentum: 0.99,
  temperature: 0.1,
  bnGroups: 4,
  learningRate: 0.12,
  weightDecay: 5e-4,
  schedule: { kind: "cosine", warmup: 0.02 },
  views: { cropScale: [0.2, 1], blur: { probability: 0 } },
} as const satisfies Settings;

/** Three stages of these widths; the first layer halves the image. */
const threeStages = (widths: [number, number, number], stem: number) =>
  ({
    architecture: {
      block: "basic",
      widths,
      depths: [1, 1, 1],
      stem: { width: stem, kernel: 3, stride: 2, maxPool: false },
    },
  }) as const satisfies Settings;
const narrow = threeStages([32, 64, 256], 32);
const queries = (count: number, size: number, cropScale: readonly [number, number], more?: { pairs: true }) =>
  ({ smallQueries: { count, size, cropScale, ...more } }) satisfies Settings;

const optimiser = {
  nesterov: true,
  decayVectors: false,
  schedule: { kind: "linear", warmup: 0.02 },
} as const satisfies Settings;

/** Settings on top of {@link FIRST} by the name of the variant. */
export const VARIANTS: Readonly<Record<string, Settings>> = {
  baseline: {},
  "three-stages": { ...threeStages([64, 128, 256], 48), headWidth: 1024 },
  crops: queries(4, 16, [0.08, 0.4]),
  narrow,
  "narrow-optimiser": { ...narrow, ...optimiser },
  "narrow-adamw": { ...narrow, optimizer: "adamw", learningRate: 0.002, weightDecay: 0.05 },
  "narrow-crops-wide": { ...narrow, ...optimiser, ...queries(4, 16, [0.2, 1]) },
  "narrow-crops-pairs": { ...narrow, ...optimiser, ...queries(4, 16, [0.2, 1], { pairs: true }) },
};
