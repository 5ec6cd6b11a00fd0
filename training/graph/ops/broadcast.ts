// Broadcasting and its gradient, the sum: each is the other's rule.
import { apply, integers, type Shape, sameShape, type Tensor } from "../tensor.ts";
import { reshape } from "./shape.ts";

/** The shape that `a` and `b` broadcast to, as in NumPy and ONNX. */
export function broadcastShape(a: Shape, b: Shape, op: string): Shape {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, i) => {
    const x = a[i - rank + a.length] ?? 1;
    const y = b[i - rank + b.length] ?? 1;
    if (x !== y && x !== 1 && y !== 1) throw new RangeError(`${op}: [${a}] and [${b}] do not broadcast`);
    return x === 1 ? y : x;
  });
}

/** Repeats `x` to a larger shape. */
export function expand(x: Tensor, shape: Shape): Tensor {
  if (sameShape(x.shape, shape)) return x;
  if (!sameShape(broadcastShape(x.shape, shape, "expand"), shape)) {
    throw new RangeError(`expand: [${x.shape}] does not broadcast to [${shape}]`);
  }
  return apply("Expand", [x, integers(shape)], { shape, gradient: ([g]) => [sumTo(g!, x.shape)] });
}

/** Sum over `axes`. @default all axes. With `keepDims` they stay, of size 1. */
export function reduceSum(x: Tensor, axes?: readonly number[], { keepDims = false } = {}): Tensor {
  return reduce("ReduceSum", x, axes, keepDims, ([g], kept) => [expand(reshape(g!, kept), x.shape)]);
}

/** Applies a reduction. Its gradient rule also gets the output's shape with the reduced axes as 1. */
export function reduce(
  op: string,
  x: Tensor,
  axes: readonly number[] = x.shape.map((_, i) => i),
  keepDims: boolean,
  gradient?: (gradients: ReadonlyArray<Tensor | undefined>, kept: Shape) => Tensor[],
): Tensor {
  const kept = x.shape.map((v, i) => (axes.includes(i) ? 1 : v));
  const shape = keepDims ? kept : x.shape.filter((_, i) => !axes.includes(i));
  if (axes.every((i) => x.shape[i] === 1)) return sameShape(shape, x.shape) ? x : squeeze(x, axes, shape);
  return apply(op, [x, integers(axes)], {
    shape,
    attributes: { keepdims: keepDims ? 1 : 0 },
    ...(gradient && { gradient: (g) => gradient(g, kept) }),
  });
}

/** Leaves out axes of size 1. A reshape would fix the size of the others, of which the batch's is free in an export. */
const squeeze = (x: Tensor, axes: readonly number[], shape: Shape): Tensor =>
  apply("Squeeze", [x, integers(axes)], { shape, gradient: ([g]) => [reshape(g!, x.shape)] });

/** Sums a gradient to the shape before broadcasting. */
export function sumTo(x: Tensor, shape: Shape): Tensor {
  if (sameShape(x.shape, shape)) return x;
  const lead = x.shape.length - shape.length;
  const axes = x.shape.flatMap((v, i) => (i < lead || (shape[i - lead] === 1 && v !== 1) ? [i] : []));
  return reshape(reduceSum(x, axes, { keepDims: true }), shape);
}
