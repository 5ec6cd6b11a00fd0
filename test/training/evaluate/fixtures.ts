// Random unit vectors and labels for the tests of evaluation.
import { normalised } from "../../../core/vector.ts";
import { createRandom } from "../../../training/data/random.ts";
import type { LabelledEmbeddings } from "../../../training/evaluate/similarities.ts";

/** Rows [N, D] scaled to unit norm, one after another. */
export function unitRows(rows: readonly (readonly number[])[]): Float32Array {
  return Float32Array.from(rows.flatMap((row) => [...normalised(Float32Array.from(row))]));
}

/** `count` random unit vectors with random labels out of `classes`; each is drawn to the axis of its class. */
export function randomEmbeddings(seed: number, count: number, dimensions: number, classes: number): LabelledEmbeddings {
  const random = createRandom(seed);
  const labels = Array.from({ length: count }, () => random.integer(classes));
  const rows = labels.map((label) =>
    Array.from({ length: dimensions }, (_, d) => random.normal() + (d === label ? 1.5 : 0)),
  );
  return { embeddings: unitRows(rows), labels: labels.map(String) };
}

/** Indices of the rows of `database`, nearest to the query first, by a plain sort. */
export function sortedByDistance(query: Float32Array, database: LabelledEmbeddings): number[] {
  const d = query.length;
  const scores = database.labels.map((_, i) =>
    query.reduce((sum, v, j) => sum + v * database.embeddings[i * d + j]!, 0),
  );
  return [...scores.keys()].sort((a, b) => scores[b]! - scores[a]!);
}
