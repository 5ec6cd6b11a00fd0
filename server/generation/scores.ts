// Measures the scores of a generation on a sample of the stored images, and the score from which images are alike.
import { dot } from "../../core/vector.ts";
import type { Quantiles, ScoreDistribution } from "../domain/swap.ts";
import type { Catalogue } from "../storage/ports.ts";
import type { Generation } from "./generation.ts";

/** Contents in the sample. All pairs of them serve as random pairs. */
export const SAMPLE = 200;
/** Nearest other contents looked at for each. */
const NEIGHBOURS = 10;
/** Largest share of random pairs that may count as alike. */
const RANDOM_ALIKE = 0.01;

/** Measures a generation; undefined where fewer than two contents are stored. Takes as long as 200 searches. */
export async function measureScores(
  generation: Generation,
  catalogue: Catalogue,
): Promise<ScoreDistribution | undefined> {
  const vectors: Float32Array[] = [];
  const nearest: number[][] = [];
  for (const content of await catalogue.contents.sample(SAMPLE)) {
    const vector = await catalogue.embeddings.get(generation.encoder, content);
    if (!vector) continue; // deleted meanwhile
    vectors.push(vector);
    nearest.push((await neighboursOf(generation, content, vector)).scores);
  }
  return vectors.length > 1 ? distributionOf(vectors, nearest) : undefined;
}

/** The ten nearest other contents, best first. */
export async function neighboursOf(
  { index }: Generation,
  content: number,
  vector: Float32Array,
): Promise<{ keys: number[]; scores: number[] }> {
  const { contents, scores } = await index.nearest(vector, NEIGHBOURS + 1);
  const others = [...contents.keys()].filter((i) => contents[i] !== content).slice(0, NEIGHBOURS);
  return { keys: others.map((i) => contents[i]!), scores: others.map((i) => scores[i]!) };
}

/**
 * The distribution of scores over a sample of contents.
 *
 * @param vectors Embeddings of the contents, two at least.
 * @param nearest For each content, the scores of the nearest other contents, best first.
 */
export async function distributionOf(
  vectors: readonly Float32Array[],
  nearest: ReadonlyArray<readonly number[]>,
): Promise<ScoreDistribution> {
  const pairs = await scoresOfPairs(vectors);
  const found = nearest.filter(({ length }) => length > 0);
  const furthest = ascending(found.map((scores) => scores.at(-1)!));
  return {
    random: quantiles(pairs),
    nearest: quantiles(ascending(found.map(([score]) => score!))),
    threshold: Math.max(quantile(pairs, 1 - RANDOM_ALIKE), quantile(furthest, 0.5)),
  };
}

/** The scores of all pairs, in ascending order. The event loop runs in between. */
export async function scoresOfPairs(vectors: readonly Float32Array[]): Promise<number[]> {
  const scores: number[] = [];
  for (const [i, vector] of vectors.entries()) {
    for (const other of vectors.slice(i + 1)) scores.push(dot(vector, other));
    await new Promise(setImmediate);
  }
  return ascending(scores);
}

const ascending = (scores: readonly number[]) => [...scores].sort((a, b) => a - b);

/** The quantile `q`, 0..1, of values in ascending order. */
export const quantile = (ascending: readonly number[], q: number) =>
  ascending[Math.min(ascending.length - 1, Math.ceil(q * ascending.length))]!;

function quantiles(ascending: readonly number[]): Quantiles {
  const [p1, p5, p25, p50, p75, p95, p99] = [0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99].map((q) =>
    quantile(ascending, q),
  ) as [number, number, number, number, number, number, number];
  return { p1, p5, p25, p50, p75, p95, p99 };
}
