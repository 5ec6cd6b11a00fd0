// Averages and largest values over axes.
import { apply, scalar, sizeOf, type Tensor } from "../tensor.ts";
import { expand, reduce } from "./broadcast.ts";
import { mul } from "./elementwise.ts";
import { reshape } from "./shape.ts";

/** Mean over `axes`. @default all axes. With `keepDims` they stay, of size 1. */
export function reduceMean(x: Tensor, axes?: readonly number[], { keepDims = false } = {}): Tensor {
  const y: Tensor = reduce("ReduceMean", x, axes, keepDims, ([g], kept) => [
    expand(reshape(mul(g!, scalar(sizeOf(y.shape) / sizeOf(x.shape))), kept), x.shape),
  ]);
  return y;
}

/** Largest value over `axes`. No gradient rule: it keeps exponentials from overflowing, and its gradient cancels. */
export const reduceMax = (x: Tensor, axes: readonly number[], { keepDims = false } = {}): Tensor =>
  reduce("ReduceMax", x, axes, keepDims);

/** Where the largest value along an axis is, int64, without the axis. No gradient rule. */
export const argMax = (x: Tensor, axis: number): Tensor =>
  apply("ArgMax", [x], {
    shape: x.shape.filter((_, i) => i !== axis),
    dtype: "int64",
    attributes: { axis, keepdims: 0 },
    parents: [],
  });
