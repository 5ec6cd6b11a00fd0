// Averages of pairs of an image's queries as more queries (Ci et al., "Fast-MoCo", arXiv 2207.08220, section 3.2): two
// small crops together show more of the image than one, and cost no more than the head.
import { add, concat, mul, reshape, scalar, slice, type Tensor } from "../graph/index.ts";

/**
 * Features of the V queries of each of B images [V·B, C], those of an image one after another → those and the averages
 * of every two of them, [(V + V(V−1)/2)·B, C]: of an image first its own, then (1, 2), (1, 3), …, (2, 3), …
 */
export function withPairAverages(features: Tensor, B: number): Tensor {
  const [rows, C] = features.shape as [number, number];
  const V = rows / B;
  const ofImages = reshape(features, [B, V, C]);
  const queries = Array.from({ length: V }, (_, v) => slice(ofImages, 1, v, v + 1)); // [B, 1, C] each
  const pairs = queries.flatMap((a, i) => queries.slice(i + 1).map((b) => mul(add(a, b), scalar(0.5))));
  return reshape(concat([...queries, ...pairs], 1), [(V + pairs.length) * B, C]);
}
