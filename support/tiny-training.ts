// A training small enough for a test: 64 pictures of 16 × 16 and a network of one block.
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { TrainingConfig } from "../training/config/schema.ts";
import type { TrainOptions } from "../training/train.ts";
import { png } from "./pictures.ts";

/** Every hyper-parameter of the small training. */
export const TINY_CONFIG = {
  imageSize: 16,
  storedSize: 16,
  architecture: {
    block: "basic",
    widths: [8],
    depths: [1],
    stem: { width: 8, kernel: 3, stride: 1, maxPool: false },
  },
  head: "mlp",
  dim: 16,
  batch: 8,
  queue: 20,
  bnGroups: 2,
  learningRate: 0.03,
} as const satisfies Partial<TrainingConfig>;

/** The same with a second stage, for what is about stages. */
export const TWO_STAGES = {
  ...TINY_CONFIG,
  architecture: { ...TINY_CONFIG.architecture, widths: [8, 16], depths: [1, 1] },
} as const satisfies Partial<TrainingConfig>;

/** Writes `count` pictures under two labels to `folder/images`; the same pictures every time. */
export async function writePictures(folder: string, count = 64): Promise<string> {
  const images = join(folder, "images");
  for (const label of ["even", "odd"]) await mkdir(join(images, label), { recursive: true });
  for (let n = 0; n < count; n++) {
    const file = join(images, n % 2 ? "odd" : "even", `${String(n).padStart(3, "0")}.png`);
    await writeFile(file, await png(n + 1, { width: 16, height: 16 }));
  }
  return images;
}

/** Options of a training in `folder`, where {@link writePictures} has been. One thread: sums are taken in one order. */
export function tinyTraining(folder: string, more: Partial<TrainOptions> = {}): TrainOptions {
  return {
    images: [join(folder, "images")],
    name: "tiny",
    modelsFolder: join(folder, "models"),
    runFolder: join(folder, "run"),
    cacheFolder: join(folder, "cache"),
    budget: { epochs: 3 },
    threads: 1,
    ...more,
    config: { ...TINY_CONFIG, ...more.config },
  };
}
