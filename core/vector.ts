// Vector maths that training, evaluation and serving share. Vectors are Float32Arrays of any length.

/** Inner product; the cosine similarity where both have unit norm. */
export function dot(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}

/** Euclidean norm. */
export function norm(a: Float32Array): number {
  return Math.sqrt(dot(a, a));
}

/** `a` scaled to unit norm, as a new vector; a zero vector stays zero. */
export function normalised(a: Float32Array): Float32Array {
  const length = norm(a);
  return length > 0 ? a.map((v) => v / length) : a.slice();
}

/** `a` minus its mean, scaled to unit norm: the inner product of two is their correlation. Equal values give zeros. */
export function centred(a: Float32Array): Float32Array {
  const middle = mean(a);
  return normalised(a.map((v) => v - middle));
}

/** Arithmetic mean; NaN of no values. */
export function mean(values: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]!;
  return sum / values.length;
}

/** A vector as a plain array, for JSON and for libraries. `Array.from` uses the iterator: ten times as long. */
export function numbersOf(a: Float32Array): number[] {
  const numbers = new Array<number>(a.length);
  for (let i = 0; i < a.length; i++) numbers[i] = a[i]!;
  return numbers;
}

/** Arrays end to end, as one. */
export function concatenated(parts: readonly Float32Array[]): Float32Array {
  const all = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** A search result: index of a row and its score, such as the inner product with the query. */
export interface Neighbour {
  readonly index: number;
  readonly score: number;
}

/** The `k` largest of `scores`, largest first; among equal ones the lower index first. */
export function largest(scores: Float32Array | Float64Array, k: number): Neighbour[] {
  const best: Neighbour[] = [];
  if (k < 1) return best;
  for (let index = 0; index < scores.length; index++) {
    const score = scores[index]!;
    if (best.length === k && !(score > best[k - 1]!.score)) continue;
    let at = best.length;
    while (at > 0 && best[at - 1]!.score < score) at--;
    best.splice(at, 0, { index, score });
    if (best.length > k) best.pop();
  }
  return best;
}

/**
 * Exact search: the `k` rows of `rows` ([count, d], row by row) with the largest inner product with `query` ([d]),
 * best first; among equal scores the lower index first.
 */
export function nearest(query: Float32Array, rows: Float32Array, k: number): Neighbour[] {
  const d = query.length;
  const scores = new Float64Array(rows.length / d);
  for (let index = 0; index < scores.length; index++)
    scores[index] = dot(query, rows.subarray(index * d, (index + 1) * d));
  return largest(scores, k);
}
