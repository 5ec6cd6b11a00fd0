// The loss of a segmentation.
import {
  add,
  constant,
  div,
  equal,
  logSumExp,
  mul,
  reduceSum,
  reshape,
  scalar,
  sub,
  type Tensor,
} from "../graph/index.ts";

/** The label of what is not labelled. */
export const NOT_LABELLED = -1;

/** Mean softmax cross entropy of scores [N, C, P] against the labels among [N, P] → []; 0 where nothing is labelled. */
export function crossEntropyOfLabelled(scores: Tensor, labels: Tensor): Tensor {
  const [N, C, P] = scores.shape as [number, number, number];
  const classes = constant(
    Float32Array.from({ length: C }, (_, c) => c),
    [1, C, 1],
  );
  const oneHot = equal(reshape(labels, [N, 1, P]), classes); // zeros where not labelled
  const isLabelled = reduceSum(oneHot, [1], { keepDims: true }); // [N, 1, P]
  const own = reduceSum(mul(scores, oneHot), [1], { keepDims: true });
  const each = sub(mul(logSumExp(scores), isLabelled), own);
  return div(reduceSum(each), add(reduceSum(isLabelled), scalar(1e-6)));
}
