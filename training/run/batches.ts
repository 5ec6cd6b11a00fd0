// Batches of images with the random numbers of their views, ready to feed. The next one is read while a step computes.
import type { TrainingConfig } from "../config/schema.ts";
import type { Dataset } from "../data/dataset.ts";
import type { Random } from "../data/random.ts";
import { createSampler } from "../data/sampler.ts";
import { randomStream } from "../data/streams.ts";
import type { Values } from "../graph/index.ts";
import { allocateViews, drawViews } from "../views/batch.ts";
import { runViews } from "../views/recipe.ts";
import type { Neighbours } from "./neighbours.ts";

/** The data of one step. */
export interface Batch {
  /** Indices of the images in the data set, [B]. */
  readonly indices: Uint32Array;
  /** Feeds of the training graph: images, views and shuffle. The arrays are overwritten by the batch after the next. */
  readonly feeds: Values;
}

/** The batches of a run, one after another. */
export interface Batches {
  /** Whole batches in an epoch, in which every image has its turn once. */
  readonly stepsPerEpoch: number;
  next(): Promise<Batch>;
}

/**
 * Batches from step `start` on. Each depends on the seed and its step alone.
 *
 * @param neighbours With them, the first half of a batch are the images whose turn it is and the second half a
 *   neighbour of each, and the two exchange their keys.
 * @throws AppError `invalid_dataset` where there are fewer images than a batch holds.
 */
export function createBatches(
  dataset: Dataset,
  config: TrainingConfig,
  start: number,
  neighbours?: Neighbours,
): Batches {
  const { batch: B, storedSize, seed, bnGroups } = config;
  const turns = neighbours ? B / 2 : B;
  const stepsPerEpoch = Math.floor(dataset.count / turns);
  const sampler = createSampler(dataset.count, {
    batchSize: turns,
    seed,
    start: { epoch: Math.floor(start / Math.max(stepsPerEpoch, 1)), batch: start % Math.max(stepsPerEpoch, 1) },
  });
  const views = runViews(config);
  const allocate = () => ({
    images: new Uint8Array(B * storedSize * storedSize * 3),
    matrices: allocateViews(views, B, storedSize),
  });
  const buffers = [allocate(), allocate()];
  let step = start;

  const prepare = async (): Promise<Batch> => {
    const { images, matrices } = buffers[step % 2]!;
    const random = randomStream(seed, "step", step);
    step++;
    const indices = neighbours ? withNeighbours(sampler.next(), neighbours, random) : sampler.next();
    const read = dataset.read(indices, images);
    const drawn = drawViews(random, views, dataset, indices, matrices);
    const shuffle = random.permutation(B);
    await read;
    const feeds = {
      images,
      ...drawn,
      ...(bnGroups > 1 && config.shuffle && shuffleFeeds(shuffle, neighbours ? turns : 0)),
    };
    return { indices, feeds };
  };

  let nextBatch = prepare();
  return {
    stepsPerEpoch,
    async next() {
      const batch = await nextBatch;
      nextBatch = prepare();
      nextBatch.catch(() => {}); // reported by the next call
      return batch;
    },
  };
}

/** The images, and one neighbour of each. */
function withNeighbours(images: Uint32Array, { k, indices }: Neighbours, random: Random): Uint32Array {
  return Uint32Array.from({ length: 2 * images.length }, (_, n) => {
    const image = images[n % images.length]!;
    return n < images.length ? image : Number(indices[image * k + random.integer(k)]!);
  });
}

/** @param turned How far keys come back from shuffling: to the query of the same image, or so many places on. */
function shuffleFeeds(permutation: Uint32Array, turned: number): Values {
  const shuffle = BigInt64Array.from(permutation, BigInt);
  const unshuffle = new BigInt64Array(permutation.length);
  permutation.forEach((from, to) => {
    unshuffle[(from + turned) % permutation.length] = BigInt(to);
  });
  return { shuffle, unshuffle };
}
