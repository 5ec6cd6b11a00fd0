// Normalisation and losses. Derived operators: their gradients follow from those of their parts.
import { apply, scalar, type Tensor } from "../tensor.ts";
import { reduceSum } from "./broadcast.ts";
import { add, div, exp, log, mul, sqrt, sub } from "./elementwise.ts";
import { reduceMax, reduceMean } from "./mean.ts";
import { slice, stopGradient } from "./shape.ts";

/** Rows of x [B, D] scaled to unit Euclidean norm. ε = 1e-12 under the root keeps a zero row finite. */
export function l2Normalise(x: Tensor): Tensor {
  return div(x, sqrt(add(reduceSum(mul(x, x), [1], { keepDims: true }), scalar(1e-12))));
}

/** log Σⱼ exp(xᵢⱼ) of each row of x [B, N] → [B, 1], without overflow; of x [B, N, P] → [B, 1, P]. */
export function logSumExp(x: Tensor): Tensor {
  const max = stopGradient(reduceMax(x, [1], { keepDims: true }));
  return add(log(reduceSum(exp(sub(x, max)), [1], { keepDims: true })), max);
}

/** Mean softmax cross entropy of logits [B, N] with label 0 in every row, as InfoNCE has it → []. */
export function crossEntropyWithLabel0(logits: Tensor): Tensor {
  return reduceMean(sub(logSumExp(logits), slice(logits, 1, 0, 1)));
}

/** Softmax over the last dimension of x, without overflow. One ONNX node. */
export function softmax(x: Tensor): Tensor {
  const y: Tensor = apply("Softmax", [x], {
    shape: x.shape,
    attributes: { axis: -1 },
    gradient: ([g]) => {
      const weighted = mul(g!, y);
      return [sub(weighted, mul(y, reduceSum(weighted, [x.shape.length - 1], { keepDims: true })))];
    },
  });
  return y;
}

/** Each row of the last dimension of x moved to mean 0 and scaled to variance 1, then · weight + bias, both [D]. */
export function layerNorm(x: Tensor, weight: Tensor, bias: Tensor, epsilon: number): Tensor {
  const last = [x.shape.length - 1];
  const centred = sub(x, reduceMean(x, last, { keepDims: true }));
  const variance = reduceMean(mul(centred, centred), last, { keepDims: true });
  return add(mul(div(centred, sqrt(add(variance, scalar(epsilon)))), weight), bias);
}

/** Mean softmax cross entropy of logits [B, N] against rows [B, N] that each sum to 1, such as one-hot ones → []. */
export function crossEntropy(logits: Tensor, target: Tensor): Tensor {
  return reduceMean(sub(logSumExp(logits), reduceSum(mul(logits, target), [1], { keepDims: true })));
}
