// The hyper-parameters that a collection gets where the user names none.
import type { TrainingConfig } from "./config.ts";

/** A configuration and, in plain words, why. */
export interface Recipe {
  readonly config: TrainingConfig;
  readonly reasons: readonly string[];
}

/** Largest power of two that is at most `n`. */
const powerOfTwo = (n: number) => 2 ** Math.floor(Math.log2(n));

/**
 * `auto`: a small residual network whose first layer halves the image, so that one machine without a GPU sees many
 * images a minute; early on that counts for more than width.
 *
 * @param collection Number of images and the median of their smaller sides, pixels.
 */
export function autoRecipe(collection: { images: number; side: number }): Recipe {
  const imageSize = Math.min(64, Math.max(32, Math.ceil(collection.side / 16) * 16));
  const storedSize = collection.side > 1.25 * imageSize ? 2 * imageSize : imageSize;
  const batch = Math.min(128, Math.max(8, powerOfTwo(collection.images / 4)));
  const queue = Math.min(4096, Math.max(batch, powerOfTwo(collection.images / 8)));
  return {
    config: {
      imageSize,
      storedSize,
      architecture: {
        block: "basic",
        widths: [32, 64, 128, 256],
        depths: [1, 1, 1, 1],
        stem: { width: 32, kernel: 3, stride: 2, maxPool: false },
      },
      head: "mlp",
      dim: 128,
      batch,
      queue,
      keyMomentum: 0.99,
      temperature: 0.2,
      bnGroups: Math.max(1, Math.min(8, batch / 16)),
      learningRate: (0.12 * batch) / 128,
      momentum: 0.9,
      weightDecay: 5e-4,
      schedule: { kind: "cosine", warmup: 0.02 },
      views: {
        cropScale: [0.2, 1],
        flip: 0.5,
        jitter: { probability: 0.8, brightness: 0.4, contrast: 0.4, saturation: 0.4, hue: 0.1 },
        grey: 0.2,
        greyFirst: false,
        blur: { probability: 0, sigma: [0.1, 2] },
      },
      seed: 1,
    },
    reasons: [
      `images of ${imageSize}×${imageSize}: the collection's are about ${collection.side} pixels on their smaller side`,
      `batch ${batch} and a queue of ${queue} keys: at most an eighth of ${collection.images} images, so that few negatives are the image itself`,
      "small residual network with a halving first layer: on one machine, images seen per minute count for more than width",
    ],
  };
}
