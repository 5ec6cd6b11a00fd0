// Does training work? Measures of embeddings that need no labels. Embeddings are [N, D], row by row, each row of unit
// norm.
import { EigenvalueDecomposition, Matrix } from "ml-matrix";
import { dot } from "../../core/vector.ts";

/**
 * Standard deviation of a dimension, averaged over the dimensions, times √D: near 1 where embeddings fill the sphere, 0
 * where they have collapsed to one point. (Chen and He, "Exploring Simple Siamese Representation Learning", arXiv
 * 2011.10566, section 4.1.)
 */
export function spread(embeddings: Float32Array, dimensions: number): number {
  const count = countRows(embeddings, dimensions);
  let sum = 0;
  for (let d = 0; d < dimensions; d++) {
    let total = 0;
    let squares = 0;
    for (let i = d; i < embeddings.length; i += dimensions) total += embeddings[i]!;
    const mean = total / count;
    for (let i = d; i < embeddings.length; i += dimensions) squares += (embeddings[i]! - mean) ** 2;
    sum += Math.sqrt(squares / count);
  }
  return (sum / dimensions) * Math.sqrt(dimensions);
}

/**
 * RankMe: exp of the entropy of the normalised singular values, in 1..min(N, D). The number of dimensions in use.
 * (Garrido et al., "RankMe", arXiv 2210.02885, equation 1.) Takes about a second where min(N, D) is 512 and ten times
 * as long for each doubling; a thousand embeddings are enough.
 */
export function effectiveRank(embeddings: Float32Array, dimensions: number): number {
  const singular = eigenvalues(gram(embeddings, dimensions)).map((value) => Math.sqrt(Math.max(value, 0)));
  const sum = singular.reduce((total, value) => total + value, 0);
  if (!(sum > 0)) return sum === 0 ? 1 : Number.NaN;
  const shares = singular.map((value) => value / sum).filter((share) => share > 0);
  return Math.exp(-shares.reduce((total, share) => total + share * Math.log(share), 0));
}

/**
 * Mean squared distance of the two views of an image; lower is better, 0..4. `a` and `b` have the views in the same
 * order. (Wang and Isola, "Understanding Contrastive Representation Learning through Alignment and Uniformity on the
 * Hypersphere", arXiv 2005.10242, α = 2.)
 */
export function alignment(a: Float32Array, b: Float32Array, dimensions: number): number {
  const count = countRows(a, dimensions);
  if (a.length !== b.length)
    throw new RangeError(`Expected ${a.length} numbers of second views but received ${b.length}`);
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i]! - b[i]!) ** 2;
  return sum / count;
}

/**
 * Logarithm of the mean of exp(−2 · squared distance) over all pairs; lower is more uniform: 0 where all embeddings are
 * the same, −4 for uniform ones in many dimensions. (Wang and Isola, as for {@link alignment}, t = 2.) Takes N²·D/2
 * steps.
 */
export function uniformity(embeddings: Float32Array, dimensions: number): number {
  const count = countRows(embeddings, dimensions);
  const rows = Array.from({ length: count }, (_, i) => embeddings.subarray(i * dimensions, (i + 1) * dimensions));
  let sum = 0;
  for (let i = 1; i < count; i++) {
    for (let j = 0; j < i; j++) sum += Math.exp(-4 * (1 - dot(rows[i]!, rows[j]!))); // |u − v|² = 2 − 2 u·v
  }
  return Math.log(sum / ((count * (count - 1)) / 2));
}

function countRows(embeddings: Float32Array, dimensions: number): number {
  const count = embeddings.length / dimensions;
  if (!Number.isInteger(count) || count < 2) {
    throw new RangeError(`Expected at least 2 rows of ${dimensions} numbers but received ${embeddings.length} numbers`);
  }
  return count;
}

/** ZᵀZ [D, D] or ZZᵀ [N, N], whichever is smaller: both have the squared singular values of Z [N, D]. */
function gram(embeddings: Float32Array, dimensions: number): Matrix {
  const z = Matrix.from1DArray(countRows(embeddings, dimensions), dimensions, Array.from(embeddings));
  return z.rows < z.columns ? z.mmul(z.transpose()) : z.transpose().mmul(z);
}

function eigenvalues(symmetric: Matrix): number[] {
  if (symmetric.to1DArray().some((value) => !Number.isFinite(value))) return [Number.NaN];
  return new EigenvalueDecomposition(symmetric, { assumeSymmetric: true }).realEigenvalues;
}
