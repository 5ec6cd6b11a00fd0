// Operators in the layout that onnxruntime's fastest CPU kernels read: channels in blocks of one vector register.
import { reshape } from "../ops/shape.ts";
import { apply, type Node, type Tensor } from "../tensor.ts";

// onnxruntime uses these kernels on its own only where the weights are constant. Ours change at every step, so the
// graph names the operators. The reordering operators know the machine's block size (8 or 16).
const DOMAIN = "com.microsoft.nchwc";
/** A multiple of both block sizes. */
export const BLOCK = 16;
/** Images with fewer channels than a block are not reordered. */
const UNBLOCKED_CHANNELS = 7;

/** Whether the blocked kernel can run this node. */
export function fitsBlocks({ op, inputs, attributes }: Node): boolean {
  if (op !== "Conv" || attributes.group !== 1) return false;
  const [o, c] = inputs[1]!.shape as [number, number];
  return o % BLOCK === 0 && (c % BLOCK === 0 || c <= UNBLOCKED_CHANNELS);
}

/** The convolution of a node that fits, in blocks. `blocks` gives an image in blocks. */
export function blockedConv(
  { attributes, outputs }: Node,
  [x, weight, ...bias]: readonly Tensor[],
  blocks: (image: Tensor) => Tensor,
): Tensor {
  const { shape } = outputs[0]!;
  const few = x!.shape[1]! <= UNBLOCKED_CHANNELS;
  const operands = [few ? x! : blocks(x!), blockedWeight(weight!, few), ...bias];
  return apply(`${DOMAIN}::Conv`, operands, { shape, attributes });
}

/** What {@link affine} computes besides. */
export interface AffineOptions {
  /** Added: in blocks, of the same shape. */
  readonly and?: Tensor | undefined;
  readonly relu?: boolean;
}

/** x · scale + bias, one value a channel, in one pass: x in blocks, scale and bias [C]. */
export function affine(x: Tensor, scale: Tensor, bias: Tensor, { and, relu = false }: AffineOptions = {}): Tensor {
  const c = x.shape[1]!;
  const pass = { group: c, kernel_shape: [1, 1], strides: [1, 1], pads: [0, 0, 0, 0] };
  return apply(`${DOMAIN}::Conv`, [x, reshape(scale, [c, 1, 1, 1]), bias, ...(and ? [and] : [])], {
    shape: x.shape,
    attributes: { ...pass, ...(relu && { activation: "Relu" }) },
  });
}

/** Mean of each image's pixels, channel by channel: of [N, C, H, W] in blocks [N, C, 1, 1], in any layout. */
export const pixelMeans = (x: Tensor): Tensor =>
  apply(`${DOMAIN}::GlobalAveragePool`, [x], { shape: [...x.shape.slice(0, 2), 1, 1] });

/**
 * Σ x · y over each image's pixels, channel by channel: of two [N, C, H, W] in blocks [1, N · C, 1, 1], in any layout.
 * It is a depthwise convolution of one image with all the batch's channels, whose kernels are the other images.
 */
export function pixelProducts(x: Tensor, y: Tensor): Tensor {
  const [n, c, h, w] = x.shape as [number, number, number, number];
  const operands = [reshape(x, [1, n * c, h, w]), reshape(y, [n * c, 1, h, w])];
  const whole = { group: n * c, kernel_shape: [h, w], strides: [1, 1], pads: [0, 0, 0, 0] };
  return apply(`${DOMAIN}::Conv`, operands, { shape: [1, n * c, 1, 1], attributes: whole });
}

export const toBlocks = (x: Tensor): Tensor => apply(`${DOMAIN}::ReorderInput`, [x], { shape: x.shape });

export const fromBlocks = (x: Tensor): Tensor =>
  apply(`${DOMAIN}::ReorderOutput`, [x], { shape: x.shape, attributes: { channels: x.shape[1]! } });

/**
 * [O, C, kH, kW] → [O/B, C/B, kH, kW, B of C, B of O]: C is blocked first, then O, with all other dimensions as one
 * image.
 */
function blockedWeight(weight: Tensor, few: boolean): Tensor {
  const [o, c, kh, kw] = weight.shape as [number, number, number, number];
  const byInput = few ? weight : toBlocks(weight);
  return reshape(toBlocks(reshape(byInput, [1, o, c * kh, kw])), [o, c, kh, kw]);
}
