// Convolutions in the layout that onnxruntime's fastest CPU kernel reads: channels in blocks of one vector register.

import { reshape } from "../ops/shape.ts";
import { rewriteNamed, withInputs } from "../rewrite.ts";
import { apply, type Node, type Tensor } from "../tensor.ts";

// onnxruntime uses these kernels on its own only where the weights are constant. Ours change at every step, so the
// graph names the operators. The reordering operators know the machine's block size (8 or 16).
const DOMAIN = "com.microsoft.nchwc";
/** A multiple of both block sizes. */
const BLOCK = 16;
/** Images with fewer channels than a block are not reordered. */
const UNBLOCKED_CHANNELS = 7;

/**
 * The same graph with convolutions in blocked layout where they fit. CPU only; values are the same up to rounding.
 *
 * @param accepts Selects among the nodes that fit. @default all
 */
export function blockConvolutions(
  outputs: Readonly<Record<string, Tensor>>,
  accepts: (conv: Node) => boolean = () => true,
): Record<string, Tensor> {
  return rewriteNamed(outputs, (node, inputs) =>
    fitsBlocks(node) && accepts(node) ? [blockedConv(node, inputs)] : withInputs(node, inputs),
  );
}

/** Whether the blocked kernel can run this node. */
export function fitsBlocks({ op, inputs, attributes }: Node): boolean {
  if (op !== "Conv" || attributes.group !== 1) return false;
  const [o, c] = inputs[1]!.shape as [number, number];
  return o % BLOCK === 0 && (c % BLOCK === 0 || c <= UNBLOCKED_CHANNELS);
}

function blockedConv({ attributes, outputs }: Node, [x, weight, ...bias]: readonly Tensor[]): Tensor {
  const { shape } = outputs[0]!;
  const few = x!.shape[1]! <= UNBLOCKED_CHANNELS;
  const blocked = apply(`${DOMAIN}::Conv`, [few ? x! : toBlocks(x!), blockedWeight(weight!, few), ...bias], {
    shape,
    attributes,
  });
  return apply(`${DOMAIN}::ReorderOutput`, [blocked], { shape, attributes: { channels: shape[1]! } });
}

const toBlocks = (x: Tensor) => apply(`${DOMAIN}::ReorderInput`, [x], { shape: x.shape });

/**
 * [O, C, kH, kW] → [O/B, C/B, kH, kW, B of C, B of O]: C is blocked first, then O, with all other dimensions as one
 * image.
 */
function blockedWeight(weight: Tensor, few: boolean): Tensor {
  const [o, c, kh, kw] = weight.shape as [number, number, number, number];
  const byInput = few ? weight : toBlocks(weight);
  return reshape(toBlocks(reshape(byInput, [1, o, c * kh, kw])), [o, c, kh, kw]);
}
