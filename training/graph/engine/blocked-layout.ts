// Convolutions in blocked layout, and what lies between them too: batch norm, residuals and ReLU stay in blocks.
import { neg } from "../ops/elementwise.ts";
import { reshape } from "../ops/shape.ts";
import { rewriteNamed, withInputs } from "../rewrite.ts";
import { apply, integers, type Node, type Shape, sameShape, sizeOf, type Tensor, topologicalOrder } from "../tensor.ts";
import { BLOCK, blockedConv, fitsBlocks, fromBlocks, toBlocks } from "./blocked-conv.ts";
import { computed, type ImageSum, imageSum, inShape, negative, scaled, shifted, together } from "./image-sum.ts";

/** Operators that work value by value, in any layout. */
const VALUE_BY_VALUE: ReadonlySet<string> = new Set(["Mul", "Greater", "Cast"]);

/**
 * The same graph with convolutions in blocked layout where they fit. CPU only; values are the same up to rounding.
 *
 * @param accepts Selects among the convolutions that fit. @default all
 */
export function blockLayout(
  outputs: Readonly<Record<string, Tensor>>,
  accepts: (conv: Node) => boolean = () => true,
): Record<string, Tensor> {
  const uses = usesOf(Object.values(outputs));
  const sums = new Map<Tensor, ImageSum>(); // of the images whose blocks are known
  const blocks = (image: Tensor): Tensor => {
    const sum = sums.get(image);
    return sum ? reshape(computed(sum), image.shape) : toBlocks(image);
  };

  /** What a node computes in blocks: an image as a sum, or values of channels. Undefined where it does not. */
  const inBlocks = (node: Node, inputs: readonly Tensor[]): ImageSum | Tensor | undefined => {
    if (fitsBlocks(node) && accepts(node)) return imageSum(blockedConv(node, inputs, blocks));
    if (!inputs.some((x) => sums.has(x))) return undefined;
    const { shape, dtype } = node.outputs[0]!;
    const [a, b] = inputs as [Tensor, Tensor?];
    const known = sums.get(a);
    if (node.op === "Relu") return imageSum(computed(known!, { positive: true }));
    if (node.op === "Identity" || (node.op === "Reshape" && splitsBatch(a.shape, shape))) return known;
    if (isTotal(node)) return total(node, blocks(a));
    const isImage = (x: Tensor) => sameShape(x.shape, shape);
    const sumOf = (image: Tensor) => sums.get(image) ?? imageSum(toBlocks(image));
    const channels = (x: Tensor) => reshape(x, [shape[1]!]);
    if (b && isImage(a) && isImage(b)) {
      if (node.op === "Add") return together(sumOf(a), sumOf(b));
      if (node.op === "Sub") return together(sumOf(a), negative(sumOf(b)));
    } else if (b && isImage(a) && isPerChannel(b.shape, shape)) {
      const sum = inShape(sumOf(a), shape);
      if (node.op === "Add") return shifted(sum, channels(b));
      if (node.op === "Sub") return shifted(sum, neg(channels(b)));
      if (node.op === "Mul") return scaled(sum, channels(b));
    }
    if (!VALUE_BY_VALUE.has(node.op) || !inputs.every((x) => isImage(x) || sizeOf(x.shape) === 1)) return undefined;
    const operands = inputs.map((x) => (isImage(x) ? blocks(x) : x));
    return imageSum(apply(node.op, operands, { shape, dtype, attributes: node.attributes }));
  };

  return rewriteNamed(outputs, (node, inputs) => {
    const found = inBlocks(node, inputs);
    if (!found) return withInputs(node, inputs);
    if (!("terms" in found)) return [found];
    const [output] = node.outputs as [Tensor];
    const sum = uses.get(output)! > 1 ? imageSum(computed(found)) : found; // not computed twice
    const image = reshape(fromBlocks(computed(sum)), output.shape); // left out where nothing needs this layout
    sums.set(image, sum);
    return [image];
  });
}

/** How often each tensor is an input or an output. */
function usesOf(outputs: readonly Tensor[]): Map<Tensor, number> {
  const uses = new Map<Tensor, number>();
  const read = [...outputs, ...topologicalOrder(outputs).flatMap(({ inputs }) => inputs)];
  for (const tensor of read) uses.set(tensor, (uses.get(tensor) ?? 0) + 1);
  return uses;
}

const isPerChannel = (factor: Shape, image: Shape): boolean => sameShape(factor, [1, image[1]!, 1, 1]);

/** Whether a reshape deals a batch out to more or fewer channels, as groups of batch norm do: the same in blocks. */
function splitsBatch(from: Shape, to: Shape): boolean {
  const isAlike = from.length === 4 && to.length === 4 && sameShape(from.slice(2), to.slice(2));
  return isAlike && from[1]! % BLOCK === 0 && to[1]! % BLOCK === 0;
}

/** Whether a node sums up each channel of a batch. */
function isTotal({ op, inputs }: Node): boolean {
  if (op !== "ReduceSum" && op !== "ReduceMean") return false;
  return inputs[0]!.shape.length === 4 && (inputs[1]!.node.data as BigInt64Array).join() === "0,2,3";
}

/** Sums over the batch first, which leaves one image; its layout is changed for little. */
function total({ op, inputs, outputs, attributes }: Node, x: Tensor): Tensor {
  const [n, c, h, w] = x.shape as [number, number, number, number];
  const ofBatch = apply(op, [reshape(x, [n, c * h * w]), integers([0])], {
    shape: [c * h * w],
    attributes: { keepdims: 0 },
  });
  const image = fromBlocks(reshape(ofBatch, [1, c, h, w]));
  return apply(op, [image, inputs[1]!], { shape: outputs[0]!.shape, attributes });
}
