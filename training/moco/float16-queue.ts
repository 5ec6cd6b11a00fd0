// Products with a float16 queue. They are computed in float32, so keys are widened: one part of the queue at a time,
// and again in the backward pass, so that the whole queue is never in memory as float32.
import { apply, cast, distinct, gemm, slice, type Tensor } from "../graph/index.ts";

/** Keys that are widened at once. */
const PART = 4096;

/** q [B, D] · queueᵀ [D, K] in parts [B, part]. Gradients flow to q only. */
export function productsWithHalf(q: Tensor, queue: Tensor): Tensor[] {
  const K = queue.shape[0]!;
  return Array.from({ length: Math.ceil(K / PART) }, (_, n) => {
    const keys = (all: Tensor) => cast(slice(all, 0, n * PART, Math.min(K, (n + 1) * PART)), "float32");
    const { node, shape } = gemm(q, keys(queue), { transB: true });
    return apply(node.op, node.inputs, {
      shape,
      attributes: node.attributes,
      parents: [q],
      gradient: ([g]) => [gemm(g!, keys(distinct(queue)))],
    });
  });
}
