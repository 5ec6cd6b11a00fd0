// Fits a whitening: features are rotated to their principal directions, scaled so that none outweighs the others, and
// cut short.
import { EigenvalueDecomposition, Matrix } from "ml-matrix";
import type { Whitening } from "../network/encoder.ts";

/** How a whitening is fitted. */
export interface WhiteningOptions {
  /** D: length of a whitened embedding. At most F, and fewer than there are samples to fit to. */
  readonly dimensions: number;
  /**
   * Each principal direction is divided by its standard deviation to this power: 0 is plain PCA, 1 whitens fully, ½ is
   * halfway. (Full whitening of descriptors: Jégou and Chum, "Negative evidences and co-occurrences in
   * image retrieval", ECCV 2012.)
   */
  readonly strength: number;
}

/** Share of the largest variance below which a direction counts as noise and is scaled as if it had this share. */
const NOISE = 1e-3;

/** Fits a whitening to features [N, F], row by row. Takes about a second where F is 512. */
export function fitWhitening(features: Float32Array, F: number, options: WhiteningOptions): Whitening {
  const x = Matrix.from1DArray(features.length / F, F, Array.from(features));
  const mean = x.mean("column");
  x.subRowVector(mean);
  const covariance = x.transpose().mmul(x).div(x.rows);
  const { eigenvectorMatrix, realEigenvalues } = new EigenvalueDecomposition(covariance, { assumeSymmetric: true });
  const order = [...realEigenvalues.keys()].sort((a, b) => realEigenvalues[b]! - realEigenvalues[a]!);
  const kept = order.slice(0, Math.max(1, Math.min(options.dimensions, x.rows - 1)));
  const largest = Math.max(realEigenvalues[order[0]!]!, Number.MIN_VALUE);
  const scales = kept.map((i) => Math.max(realEigenvalues[i]! / largest, NOISE) ** (-options.strength / 2));
  const matrix = new Float32Array(F * kept.length);
  for (let f = 0; f < F; f++) {
    for (const [d, direction] of kept.entries()) {
      matrix[f * kept.length + d] = eigenvectorMatrix.get(f, direction) * scales[d]!;
    }
  }
  return { mean: Float32Array.from(mean), matrix, dimensions: kept.length };
}
