// The next batch: stored images and two random views of each, ready to feed. Reading runs ahead while a step computes.
import type { TrainingConfig } from "../config/schema.ts";
import type { Dataset } from "../data/dataset.ts";
import { createRandom } from "../data/random.ts";
import { createSampler } from "../data/sampler.ts";
import type { Values } from "../graph/index.ts";
import { allocateViewMatrices, drawView } from "../views/draw.ts";
import { viewFeeds } from "../views/graph.ts";

/** What a step gets. */
export interface Batch {
  /** Images of the data set, [B]. */
  readonly indices: Uint32Array;
  /** Feeds of the training graph that depend on the data. The arrays are used again two batches later. */
  readonly feeds: Values;
}

/** The batches of a run, one after another. */
export interface Batches {
  readonly perEpoch: number;
  next(): Promise<Batch>;
}

/**
 * Batches from step `start` on. What a step gets depends on the seed and its number alone.
 *
 * @throws AppError `invalid_dataset` where there are fewer images than a batch holds.
 */
export function createBatches(dataset: Dataset, config: TrainingConfig, start: number): Batches {
  const { batch: B, storedSize, imageSize, seed, bnGroups } = config;
  const perEpoch = Math.floor(dataset.count / B);
  const sampler = createSampler(dataset.count, {
    batchSize: B,
    seed,
    start: { epoch: Math.floor(start / Math.max(perEpoch, 1)), batch: start % Math.max(perEpoch, 1) },
  });
  const room = () => ({
    images: new Uint8Array(B * storedSize * storedSize * 3),
    query: allocateViewMatrices(B, storedSize, imageSize),
    key: allocateViewMatrices(B, storedSize, imageSize),
  });
  const rooms = [room(), room()];
  const size = { from: storedSize, to: imageSize };
  let step = start;

  const prepare = async (): Promise<Batch> => {
    const { images, query, key } = rooms[step % 2]!;
    const random = createRandom(seed, step);
    step++;
    const indices = sampler.next();
    const read = dataset.read(indices, images);
    indices.forEach((index, n) => {
      const original = { width: dataset.originalWidths[index]!, height: dataset.originalHeights[index]! };
      for (const matrices of [query, key]) drawView(random, config.views, size, original, matrices, n);
    });
    const shuffle = random.permutation(B);
    await read;
    const feeds = {
      images,
      ...viewFeeds("query", query),
      ...viewFeeds("key", key),
      ...(bnGroups > 1 && config.shuffle && shuffleFeeds(shuffle)),
    };
    return { indices, feeds };
  };

  let coming = prepare();
  return {
    perEpoch,
    async next() {
      const batch = await coming;
      coming = prepare();
      coming.catch(() => {}); // reported by the next call
      return batch;
    },
  };
}

function shuffleFeeds(permutation: Uint32Array): Values {
  const shuffle = BigInt64Array.from(permutation, BigInt);
  const unshuffle = new BigInt64Array(permutation.length);
  permutation.forEach((from, to) => {
    unshuffle[from] = BigInt(to);
  });
  return { shuffle, unshuffle };
}
