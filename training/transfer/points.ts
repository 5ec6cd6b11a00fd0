// Which points PointRend looks at: where the two likeliest classes are nearly as likely.
import {
  concat,
  constant,
  gatherPoints,
  gatherRows,
  neg,
  reshape,
  samplePoints,
  scatterPoints,
  slice,
  stopGradient,
  sub,
  type Tensor,
  topK,
  upsample,
} from "../graph/index.ts";

/** Minus the lead of the best score over the second: scores [N, C, P] → [N, P]. At least two classes. */
export function uncertainty(scores: Tensor): Tensor {
  const { values } = topK(stopGradient(scores), 2, 1);
  const [N, , P] = scores.shape as [number, number, number];
  return reshape(neg(sub(slice(values, 1, 0, 1), slice(values, 1, 1, 2))), [N, P]);
}

/**
 * The points of a training step (section 3.2 of PointRend): of `candidates` [N, 3·U, 2] the third where coarse scores
 * [N, C, h, w] are the least certain, and all of `others` [N, O, 2] → [N, U + O, 2]. Both are drawn uniformly.
 */
export function trainingPoints(coarse: Tensor, candidates: Tensor, others: Tensor): Tensor {
  const uncertain = uncertainty(samplePoints(stopGradient(coarse), candidates));
  const { indices } = topK(uncertain, candidates.shape[1]! / OVERSAMPLING, 1);
  return concat([gatherPoints(candidates, indices), others], 1);
}

/** Candidates for each uncertain point: k of the paper. */
export const OVERSAMPLING = 3;

/**
 * Inference by subdivision (section 3.1 of PointRend): coarse scores [N, C, h, w] are doubled `doublings` times, and
 * after each time the least certain points are scored anew → [N, C, 2ᵈ·h, 2ᵈ·w].
 *
 * @param most Points that are scored anew after each doubling, where there are as many.
 * @param scoresAt Scores [N, C, P] of points [N, P, 2].
 */
export function subdivide(
  coarse: Tensor,
  { doublings, most }: { doublings: number; most: number },
  scoresAt: (points: Tensor) => Tensor,
): Tensor {
  let scores = coarse;
  for (let n = 0; n < doublings; n++) {
    const larger = upsample(scores, 2);
    const [N, C, H, W] = larger.shape as [number, number, number, number];
    const flat = reshape(larger, [N, C, H * W]);
    const { indices } = topK(uncertainty(flat), Math.min(most, H * W), 1);
    const anew = scoresAt(gatherRows(centres(H, W), indices));
    scores = reshape(scatterPoints(flat, indices, anew), larger.shape);
  }
  return scores;
}

/** The centres of the pixels of a map, row by row: [H·W, 2]. */
function centres(H: number, W: number): Tensor {
  const values = Float32Array.from({ length: 2 * H * W }, (_, i) => {
    const pixel = i >> 1;
    return i % 2 === 0 ? ((pixel % W) + 0.5) / W : (Math.floor(pixel / W) + 0.5) / H;
  });
  return constant(values, [H * W, 2]);
}
