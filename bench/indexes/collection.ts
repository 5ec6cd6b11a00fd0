// What is searched in a comparison of indexes, and what exact search finds there.
import { openEncoder } from "../../core/encoder-session.ts";
import type { Model } from "../../core/model.ts";
import { dot, largest } from "../../core/vector.ts";
import { syntheticEmbeddings } from "../../support/synthetic.ts";
import { openDataset } from "../../training/data/dataset.ts";
import { embedDataset } from "../../training/evaluate/embed-dataset.ts";

/** Matches asked for. */
export const K = 10;
const QUERIES = 200;
/** A vector's tag is one of so many, evenly spread: a filter for tags below 100 lets a tenth through. */
const TAGS = 1000;

/** A filter lets tags below this through: a tenth of all, a hundredth, a thousandth. */
export const FILTERS = [100, 10, 1] as const;
/** The filter of searches without one. */
export const ALL = TAGS;

export interface Collection {
  readonly dimensions: number;
  readonly vectors: readonly Float32Array[];
  readonly queries: readonly Float32Array[];
  /** For each filter and query the numbers of the {@link K} nearest vectors that pass. */
  readonly nearest: ReadonlyMap<number, ReadonlyArray<ReadonlySet<number>>>;
}

/** The same for a number every time, and no pattern in their order. */
export const tagOf = (number: number): number => Math.floor(((number * 2654435769) % 2 ** 32) / (2 ** 32 / TAGS));

/** `count` synthetic vectors of 128 numbers. */
export function syntheticCollection(count: number): Collection {
  return collectionOf([...syntheticEmbeddings(count, 1)], [...syntheticEmbeddings(QUERIES, 2)]);
}

/** The embeddings of images; evenly spaced ones are the queries and not searched among. */
export async function collectionOfImages(images: readonly string[], model: Model): Promise<Collection> {
  const dataset = await openDataset(images, model.card.input);
  const encoder = await openEncoder(model, { threads: 2 });
  try {
    const rows = await embedDataset(dataset, encoder.embed);
    const { dimensions } = model.card;
    const every = Math.floor(dataset.count / QUERIES);
    const vectors: Float32Array[] = [];
    const queries: Float32Array[] = [];
    for (let i = 0; i < dataset.count; i++) {
      const isQuery = i % every === 0 && queries.length < QUERIES;
      (isQuery ? queries : vectors).push(rows.subarray(i * dimensions, (i + 1) * dimensions));
    }
    return collectionOf(vectors, queries);
  } finally {
    await encoder.close();
    await dataset.close();
  }
}

function collectionOf(vectors: readonly Float32Array[], queries: readonly Float32Array[]): Collection {
  const nearest = new Map(
    [ALL, ...FILTERS].map((below) => [
      below,
      queries.map((query) => nearestOf(vectors, query, (i) => tagOf(i) < below)),
    ]),
  );
  return { dimensions: vectors[0]!.length, vectors, queries, nearest };
}

function nearestOf(vectors: readonly Float32Array[], query: Float32Array, passes: (i: number) => boolean): Set<number> {
  const scores = Float64Array.from(vectors, (vector, i) => (passes(i) ? dot(query, vector) : -2));
  return new Set(largest(scores, K).flatMap(({ index, score }) => (score > -2 ? [index] : [])));
}
