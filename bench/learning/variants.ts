// What is compared: `auto` as it was first, and one idea after the other on top of it.
import type { Settings } from "../../training/config/settle.ts";

/** `auto` of the first edition for CIFAR-10 on a processor, written out: it stays what it was when `auto` learns better. */
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

const threeStages = { architecture: "small-3", headWidth: 1024 } as const satisfies Settings;

/** Settings on top of {@link FIRST} by the name of the variant, in the order of the gain that is expected. */
export const VARIANTS: Readonly<Record<string, Settings>> = {
  baseline: {},
  "three-stages": threeStages,
};
