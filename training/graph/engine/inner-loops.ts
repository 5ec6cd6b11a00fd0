// Operators over images of few pixels, in shapes that onnxruntime computes fast. Its inner loop runs over the last
// dimensions that operands share: with one value a channel and 2×2 pixels, over four numbers at a time.
import { expand } from "../ops/broadcast.ts";
import { gemm } from "../ops/matmul.ts";
import { reshape } from "../ops/shape.ts";
import { rewriteNamed, withInputs } from "../rewrite.ts";
import { apply, filled, integers, type Node, type Shape, sameShape, sizeOf, type Tensor } from "../tensor.ts";

/** Inner loops of fewer numbers are made longer. */
const LONG = 64;
/** Fewer numbers are repeated faster than a product of matrices begins. */
const MANY = 2 ** 16;
const ELEMENT_WISE: ReadonlySet<string> = new Set(["Add", "Sub", "Mul", "Div"]);
const SUMS: ReadonlySet<string> = new Set(["ReduceSum", "ReduceMean"]);

/** The same graph with longer inner loops. Values are the same, those of sums up to rounding. */
export function lengthenLoops(outputs: Readonly<Record<string, Tensor>>): Record<string, Tensor> {
  return rewriteNamed(outputs, (node, inputs) => {
    const longer = formOf(node)?.(node, inputs);
    return longer ? [longer] : withInputs(node, inputs);
  });
}

function formOf({ op }: Node): ((node: Node, inputs: readonly Tensor[]) => Tensor | undefined) | undefined {
  if (op === "Expand") return repeated;
  return ELEMENT_WISE.has(op) ? elementWise : SUMS.has(op) ? sum : undefined;
}

/** Each number repeated over trailing dimensions of 1, by a product of matrices: four times as fast. */
function repeated({ outputs }: Node, [x]: readonly Tensor[]): Tensor | undefined {
  const { shape } = outputs[0]!;
  const rank = x!.shape.findLastIndex((size) => size > 1) + 1;
  const [leading, trailing] = [shape.slice(0, rank), shape.slice(rank)].map(sizeOf) as [number, number];
  const isFew = sizeOf(shape) < MANY;
  if (isFew || x!.shape.length !== shape.length || !sameShape(x!.shape.slice(0, rank), shape.slice(0, rank)))
    return undefined;
  return reshape(gemm(reshape(x!, [leading, 1]), filled([1, trailing], 1)), shape);
}

/** A shape around the dimensions that the smaller operand has: the size before them, they, and the size after them. */
interface Parts {
  readonly before: number;
  readonly middle: Shape;
  readonly after: number;
}

/** Repeats each number of the smaller operand `after` times, so that one loop runs over the middle and what is after it. */
function elementWise(node: Node, inputs: readonly Tensor[]): Tensor | undefined {
  const { shape } = node.outputs[0]!;
  const [large, small] = sameShape(inputs[0]!.shape, shape) ? inputs : [...inputs].reverse();
  if (sizeOf(small!.shape) === 1 && shape.at(-1) === 1) {
    // A scalar beside trailing dimensions of 1 is taken one number at a time.
    const flat = inputs.map((x) => reshape(x, x === large ? [sizeOf(shape)] : []));
    return reshape(apply(node.op, flat, { shape: [sizeOf(shape)] }), shape);
  }
  const parts = partsOf(shape, large!, small!);
  if (!parts) return undefined;
  const { before, middle, after } = parts;
  const flat = [before, sizeOf(middle) * after];
  const repeated = expand(reshape(small!, [sizeOf(middle), 1]), [sizeOf(middle), after]);
  const operands = inputs.map((x) =>
    x === large ? reshape(beforeReshape(x), flat) : reshape(repeated, [1, flat[1]!]),
  );
  return reshape(apply(node.op, operands, { shape: flat }), shape);
}

function partsOf(shape: Shape, large: Tensor, small: Tensor): Parts | undefined {
  const sizes = shape.map((_, i) => small.shape[i - shape.length + small.shape.length] ?? 1);
  const first = sizes.findIndex((size) => size > 1);
  const last = sizes.findLastIndex((size) => size > 1);
  const middle = shape.slice(first, last + 1);
  if (first < 0 || !sameShape(large.shape, shape) || !sameShape(middle, sizes.slice(first, last + 1))) return undefined;
  const [before, after] = [sizeOf(shape.slice(0, first)), sizeOf(shape.slice(last + 1))];
  return after > 1 && after < LONG ? { before, middle, after } : undefined;
}

/** A sum over [before, …middle, after] for each of the middle: over the first part in one loop, then over the last. */
function sum(node: Node, [x, axes]: readonly Tensor[]): Tensor | undefined {
  const summed = [...(axes!.node.data as BigInt64Array)].map(Number);
  const kept = [...x!.shape.keys()].filter((i) => !summed.includes(i));
  const [first, last] = [kept[0], kept.at(-1)];
  if (first === undefined || last! - first >= kept.length) return undefined;
  const [before, middle] = [x!.shape.slice(0, first), x!.shape.slice(first, last! + 1)].map(sizeOf) as [number, number];
  const after = sizeOf(x!.shape) / (before * middle);
  if (before === 1 || after === 1 || after >= LONG) return undefined;
  const over = (values: Tensor, axis: number) =>
    apply(node.op, [values, integers([axis])], { shape: [values.shape[1 - axis]!], attributes: { keepdims: 0 } });
  const byFirst = over(reshape(beforeReshape(x!), [before, middle * after]), 0);
  return reshape(over(reshape(byFirst, [middle, after]), 1), node.outputs[0]!.shape);
}

/** What a reshape was given: one reshape after another needs the last alone. */
const beforeReshape = (x: Tensor): Tensor =>
  x.node.op === "Reshape" && !x.node.attributes.allowzero ? x.node.inputs[0]! : x;
