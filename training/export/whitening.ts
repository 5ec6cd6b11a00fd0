// Fits a whitening: features are turned and scaled so that nothing outweighs the rest, and cut short.
import { compile, gemm, input, l2Normalise } from "../graph/index.ts";
import type { Whitening } from "../network/encoder.ts";
import { inverseCholesky } from "./cholesky.ts";
import { principalDirections } from "./principal.ts";

/** How a whitening is fitted. */
export interface WhiteningOptions {
  /** D: length of a whitened embedding. At most F, and fewer than there are samples to fit to. */
  readonly dimensions: number;
  /**
   * Each direction is divided by its standard deviation to this power: 0 leaves it as it is, 1 whitens fully, ½ is
   * halfway. (Full whitening of descriptors: Jégou and Chum, "Negative evidences and co-occurrences in
   * image retrieval", ECCV 2012.)
   */
  readonly strength: number;
}

/** Share of the largest variance below which a direction counts as noise and is scaled as if it had this share. */
const NOISE = 1e-3;
/** Added to the variance of each feature among rows that match, as a share of their mean: few rows were seen. */
const FLOOR = 0.1;

/**
 * Fits a whitening to features [N, F], row by row: to the directions in which they vary most; or, where it is known how
 * rows differ that match, in which they vary most beside that.
 *
 * @param matching Covariance [F, F] of the differences of rows that match, in any unit. @default as that of noise
 * @param threads Of the engine. @default every core
 */
export async function fitWhitening(
  features: Float32Array,
  F: number,
  { dimensions, strength }: WhiteningOptions,
  { matching, threads = 0 }: { readonly matching?: Float32Array | undefined; readonly threads?: number } = {},
): Promise<Whitening> {
  const N = features.length / F;
  const mean = meanOf(features, F);
  const centred = without(features, mean);
  const D = Math.max(1, Math.min(dimensions, F, N - 1));
  const evening = matching && inverseCholesky(withFloor(matching, F), F);
  const evened = evening ? await product(centred, evening, F, { transB: true, threads }) : centred;
  const { variances, directions } = await principalDirections(evened, F, D, threads);
  const turned = evening ? await product(directions, evening, F, { transB: false, threads }) : directions;
  const largest = Math.max(variances[0]!, Number.MIN_VALUE);
  const matrix = new Float32Array(F * D);
  for (const [d, variance] of variances.entries()) {
    const scale = Math.max(variance / largest, NOISE) ** (-strength / 2);
    for (let f = 0; f < F; f++) matrix[f * D + d] = turned[d * F + f]! * scale;
  }
  return { mean, matrix, dimensions: D };
}

/** Rows [N, F] as embeddings [N, D] of unit norm. */
export async function whiten(
  features: Float32Array,
  { mean, matrix, dimensions: D }: Whitening,
  threads = 0,
): Promise<Float32Array> {
  const F = mean.length;
  const x = input("x", [features.length / F, F]);
  const graph = await compile({ y: l2Normalise(gemm(x, input("matrix", [F, D]))) }, { threads });
  const { y } = await graph.run({ x: without(features, mean), matrix });
  await graph.release();
  return y as Float32Array;
}

function meanOf(rows: Float32Array, F: number): Float32Array {
  const sums = new Float64Array(F);
  for (let start = 0; start < rows.length; start += F) {
    for (let f = 0; f < F; f++) sums[f]! += rows[start + f]!;
  }
  return Float32Array.from(sums, (sum) => (sum * F) / rows.length);
}

function without(rows: Float32Array, mean: Float32Array): Float32Array {
  const F = mean.length;
  const centred = new Float32Array(rows.length);
  for (let start = 0; start < rows.length; start += F) {
    for (let f = 0; f < F; f++) centred[start + f] = rows[start + f]! - mean[f]!;
  }
  return centred;
}

/** A covariance whose mean variance is 1, and more of it than few rows show. */
function withFloor(covariance: Float32Array, F: number): Float32Array {
  let trace = 0;
  for (let f = 0; f < F; f++) trace += covariance[f * F + f]!;
  const unit = trace > 0 ? F / trace : 0;
  return covariance.map((value, i) => value * unit + (i % (F + 1) === 0 ? FLOOR : 0));
}

/** rows [N, F] by a matrix [F, F]. */
async function product(
  rows: Float32Array,
  matrix: Float32Array,
  F: number,
  { transB, threads }: { transB: boolean; threads: number },
): Promise<Float32Array> {
  const a = input("rows", [rows.length / F, F]);
  const graph = await compile({ y: gemm(a, input("matrix", [F, F]), { transB }) }, { threads });
  const { y } = await graph.run({ rows, matrix });
  await graph.release();
  return y as Float32Array;
}
