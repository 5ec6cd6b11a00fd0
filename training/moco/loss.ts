// InfoNCE over a queue (MoCo equation 1).
import {
  add,
  concat,
  constant,
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

/**
 * Logits where the negatives of a query are the keys of the other B − 1 images of its batch.
 *
 * @param q queries [B, D], unit norm
 * @param k keys of the same images [B, D], unit norm
 * @returns [B, 1+B], the positive first; that of the own key among the negatives counts for nothing in a softmax
 */
export function batchLogits(q: Tensor, k: Tensor, T: number): Tensor {
  const B = q.shape[0]!;
  const isOwn = (i: number) => i % (B + 1) === 1 + Math.floor(i / (B + 1));
  const own = Float32Array.from({ length: B * (B + 1) }, (_, i) => (isOwn(i) ? NEVER : 0));
  return add(mocoLogits(q, k, k, T), constant(own, [B, B + 1]));
}

/** Added to a logit, it takes it out of the softmax. */
const NEVER = -1e4;

/** logits [B, 1+K] → share of queries that are nearer to their positive key than to every negative, 0..1: []. */
export function contrastiveAccuracy(logits: Tensor): Tensor {
  const [, classes] = logits.shape as [number, number];
  const bestNegative = reduceMax(slice(logits, 1, 1, classes), [1], { keepDims: true });
  return reduceMean(isPositive(sub(slice(logits, 1, 0, 1), bestNegative)));
}
