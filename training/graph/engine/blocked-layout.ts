// Convolutions in blocked layout, and what lies between them too: batch norm, residuals and ReLU stay in blocks.
import { mul, neg } from "../ops/elementwise.ts";
import { reshape } from "../ops/shape.ts";
import { rewriteNamed, withInputs } from "../rewrite.ts";
import {
  apply,
  integers,
  type Node,
  type Shape,
  sameShape,
  scalar,
  sizeOf,
  type Tensor,
  topologicalOrder,
} from "../tensor.ts";
import { BLOCK, blockedConv, fitsBlocks, fromBlocks, pixelMeans, pixelProducts, toBlocks } from "./blocked-conv.ts";
import { computed, type ImageSum, imageSum, inShape, negative, scaled, shifted, together } from "./image-sum.ts";

/** Operators that work value by value, in any layout. */
const VALUE_BY_VALUE: ReadonlySet<string> = new Set(["Mul", "HardSigmoid"]);

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
  const normalised = summedUp(Object.values(outputs));
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
    if (isTotal(node)) return total(node, blocks(a), uses.get(node.inputs[0]!)! === 1);
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
    if (!found) {
      const kept = withInputs(node, inputs);
      for (const [i, image] of kept.entries()) {
        if (normalised.has(node.outputs[i]!)) sums.set(image, imageSum(toBlocks(image)));
      }
      return kept;
    }
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

/** Images whose channels are summed up, as by batch norm: in blocks it takes fewer passes, worth a change of layout. */
function summedUp(outputs: readonly Tensor[]): ReadonlySet<Tensor> {
  const images = topologicalOrder(outputs)
    .filter(isTotal)
    .map(({ inputs }) => inputs[0]!);
  return new Set(images.filter(({ shape }) => shape[1]! % BLOCK === 0));
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

/** The total of each channel: first of each image, which there are kernels for in blocks, then of the batch. */
function total({ op, outputs }: Node, x: Tensor, isOnlyUse: boolean): Tensor {
  const [n, c, h, w] = x.shape as [number, number, number, number];
  const factors = isOnlyUse ? factorsOf(x) : undefined;
  const ofImages = factors ? pixelProducts(...factors) : pixelMeans(x);
  const ofBatch = apply(op, [reshape(ofImages, [n, c]), integers([0])], { shape: [c], attributes: { keepdims: 0 } });
  const pixels = (op === "ReduceMean" ? 1 : h * w) / (factors ? h * w : 1);
  return reshape(pixels === 1 ? ofBatch : mul(ofBatch, scalar(pixels)), outputs[0]!.shape);
}

/** The images that `x` in blocks is the product of: their total does not need the product itself. */
function factorsOf(x: Tensor): readonly [Tensor, Tensor] | undefined {
  let { node } = x;
  while (node.op === "Reshape") node = node.inputs[0]!.node;
  const [a, b] = node.inputs as [Tensor, Tensor];
  const isProduct = node.op === "Mul" && sameShape(a.shape, b.shape) && sameShape(a.shape.slice(2), x.shape.slice(2));
  return isProduct ? [a, b] : undefined;
}
