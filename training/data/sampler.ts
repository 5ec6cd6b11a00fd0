// The order in which images are drawn.
import { AppError } from "../../core/errors.ts";
import { randomStream } from "./streams.ts";

/** The next batch of a sampler. Plain JSON. */
export interface SamplerPosition {
  /** Counted from 0. */
  readonly epoch: number;
  /** In 0..batchesPerEpoch−1. */
  readonly batch: number;
}

/** Batches of image indices, in a new random order every epoch. */
export interface Sampler {
  /** Whole batches in an epoch. The images left over differ from epoch to epoch. */
  readonly batchesPerEpoch: number;
  /** The indices of the next batch, `batchSize` of them, all different. */
  next(): Uint32Array<ArrayBuffer>;
  /** Position to continue from, as `start`. */
  position(): SamplerPosition;
}

/**
 * A sampler over `count` images. The order of an epoch depends on `seed` and the epoch alone, so a resumed run needs no
 * more than its position.
 *
 * @param options.start First batch. @default the first of epoch 0
 * @throws AppError `invalid_dataset` where there are fewer images than a batch holds.
 */
export function createSampler(
  count: number,
  { batchSize, seed, start = { epoch: 0, batch: 0 } }: { batchSize: number; seed: number; start?: SamplerPosition },
): Sampler {
  if (count < batchSize) {
    throw new AppError(
      "invalid_dataset",
      `Expected at least one batch of ${batchSize} images but there are ${count}. Choose a smaller batch or add images.`,
    );
  }
  const batchesPerEpoch = Math.floor(count / batchSize);
  if (start.batch >= batchesPerEpoch) {
    throw new RangeError(`Expected to start at one of ${batchesPerEpoch} batches but received ${start.batch}`);
  }
  const orderOf = (ofEpoch: number) => randomStream(seed, "epoch", ofEpoch).permutation(count);
  let { epoch, batch } = start;
  let order = orderOf(epoch);
  return {
    batchesPerEpoch,
    next() {
      const indices = order.slice(batch * batchSize, (batch + 1) * batchSize);
      batch++;
      if (batch === batchesPerEpoch) {
        batch = 0;
        epoch++;
        order = orderOf(epoch);
      }
      return indices;
    },
    position: () => ({ epoch, batch }),
  };
}
