// Normalisation and losses. Derived operators: their gradients follow from those of their parts.
import { scalar, type Tensor } from "../tensor.ts";
import { reduceSum } from "./broadcast.ts";
import { add, div, exp, log, mul, sqrt, sub } from "./elementwise.ts";
import { reduceMax, reduceMean } from "./mean.ts";
import { slice, stopGradient } from "./shape.ts";

/** Rows of x [B, D] scaled to unit Euclidean norm. ε = 1e-12 under the root keeps a zero row finite. */
export function l2Normalise(x: Tensor): Tensor {
  return div(x, sqrt(add(reduceSum(mul(x, x), [1], { keepDims: true }), scalar(1e-12))));
}

/** log Σⱼ exp(xᵢⱼ) of each row of x [B, N] → [B, 1], without overflow. */
export function logSumExp(x: Tensor): Tensor {
  const max = stopGradient(reduceMax(x, [1], { keepDims: true }));
  return add(log(reduceSum(exp(sub(x, max)), [1], { keepDims: true })), max);
}

/** Mean softmax cross entropy of logits [B, N] with label 0 in every row, as InfoNCE has it → []. */
export function crossEntropyWithLabel0(logits: Tensor): Tensor {
  return reduceMean(sub(logSumExp(logits), slice(logits, 1, 0, 1)));
}

/** Softmax of each row of x [B, N] → [B, N], without overflow. */
export function softmax(x: Tensor): Tensor {
  return exp(sub(x, logSumExp(x)));
}

/** Mean softmax cross entropy of logits [B, N] against rows [B, N] that each sum to 1, such as one-hot ones → []. */
export function crossEntropy(logits: Tensor, target: Tensor): Tensor {
  return reduceMean(sub(logSumExp(logits), reduceSum(mul(logits, target), [1], { keepDims: true })));
}
