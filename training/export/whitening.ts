// Fits a whitening: features are rotated to their principal directions, scaled so that none outweighs the others, and
// cut short.
import type { Whitening } from "../network/encoder.ts";
import { principalDirections } from "./principal.ts";

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

/**
 * Fits a whitening to features [N, F], row by row.
 *
 * @param threads Of the engine. @default every core
 */
export async function fitWhitening(
  features: Float32Array,
  F: number,
  { dimensions, strength }: WhiteningOptions,
  threads = 0,
): Promise<Whitening> {
  const N = features.length / F;
  const mean = new Float64Array(F);
  for (const [i, value] of features.entries()) mean[i % F]! += value / N;
  const centred = features.map((value, i) => value - mean[i % F]!);
  const D = Math.max(1, Math.min(dimensions, F, N - 1));
  const { variances, directions } = await principalDirections(centred, F, D, threads);
  const largest = Math.max(variances[0]!, Number.MIN_VALUE);
  const matrix = new Float32Array(F * D);
  for (const [d, variance] of variances.entries()) {
    const scale = Math.max(variance / largest, NOISE) ** (-strength / 2);
    for (let f = 0; f < F; f++) matrix[f * D + d] = directions[d * F + f]! * scale;
  }
  return { mean: Float32Array.from(mean), matrix, dimensions: D };
}
