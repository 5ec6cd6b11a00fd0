// Sums of images in blocks with one factor a channel. They are kept as sums until something needs their values: then a
// whole batch norm with its residual and ReLU takes one pass over memory instead of one for each operator.
import { add, mul, relu } from "../ops/elementwise.ts";
import { reshape } from "../ops/shape.ts";
import { filled, type Shape, sameShape, type Tensor } from "../tensor.ts";
import { affine } from "./blocked-conv.ts";

/** Σ scale · x + bias: images x in blocks, all of one shape [N, C, H, W]; scale and bias [C]. */
export interface ImageSum {
  readonly terms: readonly Term[];
  /** @default 0 */
  readonly bias?: Tensor | undefined;
}

interface Term {
  readonly x: Tensor;
  /** @default 1 */
  readonly scale?: Tensor | undefined;
}

/** As many as one pass takes. */
const MOST_TERMS = 2;

/** An image as a sum. */
export const imageSum = (x: Tensor): ImageSum => ({ terms: [{ x }] });

/** The values of a sum, in blocks. */
export function computed({ terms, bias }: ImageSum, { positive = false } = {}): Tensor {
  const [first, second] = [...terms].sort((a, b) => Number(!a.scale) - Number(!b.scale)) as [Term, Term?];
  const c = first.x.shape[1]!;
  if (!first.scale && !bias) {
    const sum = second ? add(first.x, second.x) : first.x;
    return positive ? relu(sum) : sum;
  }
  const zero = () => filled([c], 0);
  const and = second?.scale ? affine(second.x, second.scale, zero()) : second?.x;
  return affine(first.x, first.scale ?? filled([c], 1), bias ?? zero(), { and, relu: positive });
}

/** factor · sum, one factor a channel [C]. */
export const scaled = ({ terms, bias }: ImageSum, factor: Tensor): ImageSum => ({
  terms: terms.map(({ x, scale }) => ({ x, scale: scale ? mul(scale, factor) : factor })),
  bias: bias && mul(bias, factor),
});

/** sum + value, one value a channel [C]. */
export const shifted = ({ terms, bias }: ImageSum, value: Tensor): ImageSum => ({
  terms,
  bias: bias ? add(bias, value) : value,
});

/** −sum */
export const negative = (sum: ImageSum): ImageSum => scaled(sum, filled([shapeOf(sum)[1]!], -1));

/** a + b, in the shape of one that has factors. */
export function together(one: ImageSum, other: ImageSum): ImageSum {
  const shape = shapeOf(hasFactors(one) ? one : other);
  const [a, b] = [inShape(one, shape), inShape(other, shape)];
  if (a.terms.length + b.terms.length > MOST_TERMS) {
    return a.terms.length > 1 ? together(imageSum(computed(a)), b) : together(a, imageSum(computed(b)));
  }
  return { terms: [...a.terms, ...b.terms], bias: a.bias && b.bias ? add(a.bias, b.bias) : (a.bias ?? b.bias) };
}

/** The same sum as images of another shape: with the same values in memory, but for other channels. */
export function inShape(sum: ImageSum, shape: Shape): ImageSum {
  if (sameShape(shapeOf(sum), shape)) return sum;
  if (hasFactors(sum)) return imageSum(reshape(computed(sum), shape));
  return { terms: sum.terms.map(({ x }) => ({ x: reshape(x, shape) })) };
}

const shapeOf = ({ terms }: ImageSum): Shape => terms[0]!.x.shape;
const hasFactors = ({ terms, bias }: ImageSum): boolean => bias !== undefined || terms.some(({ scale }) => scale);
