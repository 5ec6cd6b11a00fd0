// Products with a queue of float16. Products are of float32, so keys are widened first: a part of the queue at a time, and once
// more for the backward pass, so that the queue is never in memory as float32.
import { apply, cast, distinct, gemm, slice, type Tensor } from "../graph/index.ts";

/** Keys that are widened at a time. */
const PART = 4096;

/** q [B, D] · queueᵀ [K, D] in parts, [B, part] each. Gradients flow to q only: the queue is what the past left. */
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
