// Neighbours as positives: the key of an image is a view of one of its nearest images, by the model that the training
// begins from. What that model finds alike already moves together, which a small collection teaches better than one
// image's views do. (Dwibedi et al., "With a Little Help from My Friends", arXiv 2104.14548, take the nearest key of
// the queue instead.)
import { join } from "node:path";
import hnswlib from "hnswlib-node";
import { AppError } from "../../core/errors.ts";
import type { Model } from "../../core/model.ts";
import { type CollectionToEmbed, embedCollection, keptTensor } from "./embed-collection.ts";

/** The `k` nearest other images of each image of a data set. */
export interface Neighbours {
  readonly k: number;
  /** [N, k], indices in the data set, nearest first. */
  readonly indices: BigInt64Array;
}

/**
 * Finds the neighbours of a run's images.
 *
 * @param model That the run begins from; not needed where a resumed run has found them before.
 * @throws AppError `invalid_configuration` where there are too few images; otherwise as {@link embedCollection}.
 */
export async function findNeighbours(
  k: number,
  model: Model | undefined,
  images: CollectionToEmbed,
): Promise<Neighbours> {
  const { count } = images.dataset;
  if (count <= k) {
    throw new AppError(
      "invalid_configuration",
      `Expected more images than the ${k} neighbours of each but there are ${count}. Choose fewer neighbours.`,
    );
  }
  const identity = { images: images.collection.fingerprint, k: String(k) };
  const path = join(images.runFolder, "neighbours.safetensors");
  const { data } = await keptTensor(path, "indices", identity, async () => {
    if (!model) {
      throw new AppError(
        "invalid_checkpoint",
        "Expected neighbours.safetensors in the folder of the run that is resumed. Start a new run with --init.",
      );
    }
    const embeddings = await embedCollection(model, images);
    return { shape: [count, k], data: nearestOthers(embeddings, count, k) };
  });
  return { k, indices: data as BigInt64Array };
}

/** The `k` nearest other rows of each of N rows of unit norm, [N, k]. By a graph, as N² products take too long. */
export function nearestOthers(rows: Float32Array, count: number, k: number): BigInt64Array {
  const dimensions = rows.length / count;
  const graph = new hnswlib.HierarchicalNSW("ip", dimensions);
  graph.initIndex({ maxElements: count });
  graph.setEf(Math.max(100, 2 * k));
  const row = (i: number) => Array.from(rows.subarray(i * dimensions, (i + 1) * dimensions));
  for (let i = 0; i < count; i++) graph.addPoint(row(i), i);
  const nearest = new BigInt64Array(count * k);
  for (let i = 0; i < count; i++) {
    const others = graph.searchKnn(row(i), k + 1).neighbors.filter((other) => other !== i);
    nearest.set(others.slice(0, k).map(BigInt), i * k);
  }
  return nearest;
}
