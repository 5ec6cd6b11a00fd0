// Operators that move values without changing them.
import { apply, type GradientRule, integers, makeNode, type Shape, scalar, sizeOf, type Tensor } from "../tensor.ts";

/** The same values in another shape. One size may be −1: it follows from the others. */
export function reshape(x: Tensor, shape: Shape): Tensor {
  const known = shape.reduce((a, b) => (b === -1 ? a : a * b), 1);
  const full = shape.map((v) => (v === -1 ? sizeOf(x.shape) / known : v));
  if (sizeOf(full) !== sizeOf(x.shape)) {
    throw new RangeError(`reshape: [${x.shape}] has ${sizeOf(x.shape)} values and cannot become [${shape}]`);
  }
  return apply("Reshape", [x, integers(full)], { shape: full, gradient: ([g]) => [reshape(g!, x.shape)] });
}

/** Every item of a batch in another shape: x [N, …] → [N, ...shape]. An export leaves N free. */
export function reshapeItems(x: Tensor, shape: Shape): Tensor {
  const full = [x.shape[0]!, ...shape];
  if (sizeOf(full) !== sizeOf(x.shape)) {
    throw new RangeError(`reshapeItems: [${x.shape}] cannot become [${full}]`);
  }
  // To ONNX a size of 0 is that of the input.
  return apply("Reshape", [x, integers([0, ...shape])], {
    shape: full,
    gradient: ([g]) => [reshapeItems(g!, x.shape.slice(1))],
  });
}

/** Permutes the dimensions: output dimension i is input dimension `permutation[i]`. */
export function transpose(x: Tensor, permutation: readonly number[]): Tensor {
  if (permutation.length !== x.shape.length || new Set(permutation).size !== permutation.length) {
    throw new RangeError(`transpose: [${permutation}] is not a permutation of the dimensions of [${x.shape}]`);
  }
  const inverse = permutation.map((_, i) => permutation.indexOf(i));
  return apply("Transpose", [x], {
    shape: permutation.map((p) => x.shape[p]!),
    attributes: { perm: permutation },
    gradient: ([g]) => [transpose(g!, inverse)],
  });
}

/** Joins tensors along one axis. */
export function concat(tensors: readonly Tensor[], axis: number): Tensor {
  const first = tensors[0]!;
  for (const t of tensors) {
    if (t.shape.length !== first.shape.length || t.shape.some((v, i) => i !== axis && v !== first.shape[i])) {
      throw new RangeError(`concat: [${t.shape}] does not fit [${first.shape}] along axis ${axis}`);
    }
  }
  const sizes = tensors.map((t) => t.shape[axis]!);
  const starts = sizes.map((_, i) => sizes.slice(0, i).reduce((a, b) => a + b, 0));
  return apply("Concat", tensors, {
    shape: first.shape.map((v, i) => (i === axis ? sizes.reduce((a, b) => a + b, 0) : v)),
    attributes: { axis },
    gradient: ([g]) => tensors.map((_, i) => slice(g!, axis, starts[i]!, starts[i]! + sizes[i]!)),
  });
}

/** Outputs of one node: with its input no more than the eight buffers that an operator has on every WebGPU device. */
const MOST_PARTS = 7;

/** Consecutive parts of these sizes along one axis, by few operators. It has no gradient rule. */
export function split(x: Tensor, axis: number, sizes: readonly number[]): Tensor[] {
  if (sizes.length === 1) return [x];
  let together = 1;
  while (together * MOST_PARTS < sizes.length) together *= MOST_PARTS;
  const parts: number[][] = [];
  for (let i = 0; i < sizes.length; i += together) parts.push(sizes.slice(i, i + together));
  const lengths = parts.map((part) => part.reduce((a, b) => a + b, 0));
  const outputs = makeNode(
    { op: "Split", inputs: [x, integers(lengths)], attributes: { axis }, parents: [] },
    lengths.map((length) => ({ shape: x.shape.map((v, i) => (i === axis ? length : v)), dtype: x.dtype })),
  );
  return outputs.flatMap((output, i) => split(output, axis, parts[i]!));
}

/** Every `step`-th value of `start`..`end` (exclusive) along one axis. It has no gradient rule where `step` > 1. */
export function slice(x: Tensor, axis: number, start: number, end: number, step = 1): Tensor {
  const size = x.shape[axis]!;
  if (!(0 <= start && start < end && end <= size)) {
    throw new RangeError(`slice: ${start}..${end} is not inside axis ${axis} of [${x.shape}]`);
  }
  if (start === 0 && end === size && step === 1) return x;
  const around = (here: number) => x.shape.map((_, i) => (i === axis ? here : 0));
  const gradient: GradientRule = ([g]) => [pad(g!, around(start), around(size - end))];
  return apply("Slice", [x, ...[start, end, axis, step].map((v) => integers([v]))], {
    shape: x.shape.map((v, i) => (i === axis ? Math.ceil((end - start) / step) : v)),
    ...(step === 1 && { gradient }),
  });
}

/** Adds `before[i]` and `after[i]` times `value` along dimension i. */
export function pad(x: Tensor, before: readonly number[], after: readonly number[], value = 0): Tensor {
  return apply("Pad", [x, integers([...before, ...after]), ...(value === 0 ? [] : [scalar(value)])], {
    shape: x.shape.map((v, i) => v + before[i]! + after[i]!),
    gradient: ([g]) => [x.shape.reduce((t, v, i) => slice(t, i, before[i]!, before[i]! + v), g!)],
  });
}

/** Rows `indices` (int64 [M]) of `x` [N, …] → [M, …]. No gradient rule: keys are shuffled where no gradient flows. */
export function gatherRows(x: Tensor, indices: Tensor): Tensor {
  return apply("Gather", [x, indices], { shape: [...indices.shape, ...x.shape.slice(1)], attributes: { axis: 0 } });
}

/** The same values; no gradient flows through. PyTorch's `detach`. */
export function stopGradient(x: Tensor): Tensor {
  return apply("Identity", [x], { shape: x.shape, parents: [] });
}
