// InfoNCE over a queue (MoCo equation 1).
import {
  concat,
  gemm,
  isPositive,
  mul,
  reduceMax,
  reduceMean,
  reduceSum,
  scalar,
  slice,
  sub,
  type Tensor,
} from "../graph/index.ts";
import { productsWithHalf } from "./float16-queue.ts";

/**
 * Logits of the (K+1)-way task: the positive key first.
 *
 * @param q queries [B, D], unit norm
 * @param k keys of the same images [B, D], unit norm
 * @param queue negative keys [K, D], unit norm; float32, or float16, to which no gradient flows
 * @param T temperature
 * @returns [B, 1+K]
 */
export function mocoLogits(q: Tensor, k: Tensor, queue: Tensor, T: number): Tensor {
  const lPos = reduceSum(mul(q, k), [1], { keepDims: true }); // [B, 1]
  const lNeg = queue.dtype === "float16" ? productsWithHalf(q, queue) : [gemm(q, queue, { transB: true })]; // [B, K]
  return mul(concat([lPos, ...lNeg], 1), scalar(1 / T));
}

/** logits [B, 1+K] → share of queries that are nearer to their positive key than to every negative, 0..1: []. */
export function contrastiveAccuracy(logits: Tensor): Tensor {
  const [, classes] = logits.shape as [number, number];
  const bestNegative = reduceMax(slice(logits, 1, 1, classes), [1], { keepDims: true });
  return reduceMean(isPositive(sub(slice(logits, 1, 0, 1), bestNegative)));
}
