// Whitening: features turned and scaled so that no direction outweighs the others, with fewer dimensions.
import { EigenvalueDecomposition, Matrix } from "ml-matrix";

/** A fitted whitening of features of length F: y = (x − mean) · matrix. */
export interface Whitening {
  /** [F] */
  readonly mean: Float32Array;
  /** [F, D], row by row. */
  readonly matrix: Float32Array;
  /** D */
  readonly dimensions: number;
}

/** How strongly, and to how many dimensions. */
export interface WhiteningOptions {
  /** D; at most F are kept, and fewer than there are samples. */
  readonly dimensions: number;
  /**
   * Each principal direction is divided by its standard deviation to this power: 1 whitens fully, 0 only turns
   * (PCA), ½ lies between. (Full whitening of descriptors: Jégou and Chum, "Negative evidences and co-occurrences in
   * image retrieval", ECCV 2012.)
   */
  readonly strength: number;
}

/** Directions with less than this share of the largest variance count as noise and are not scaled up further. */
const NOISE = 1e-3;

/** Fits a whitening to features [N, F], row by row. About a second where F is 512. */
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
