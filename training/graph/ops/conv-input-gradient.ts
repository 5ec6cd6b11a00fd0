// Forms of a convolution's input gradient. All give the same values; which is fastest depends on the shape.
import { apply, type Form, integers, type Shape, type Tensor } from "../tensor.ts";
import type { ConvGeometry } from "./conv-geometry.ts";
import { convTranspose2d } from "./conv-transpose.ts";
import { reshape, transpose } from "./shape.ts";
import { winogradBeside } from "./winograd.ts";

/**
 * The gradient with respect to x of `xShape` [N, C, H, W], of the weight and g [N, O, h, w]. The first form is the
 * fastest on most machines.
 *
 * @param few Winograd's form.
 */
export function inputGradientForms(xShape: Shape, wShape: Shape, conv: ConvGeometry, few?: Form): Record<string, Form> {
  const [, , height, width] = xShape as [number, number, number, number];
  const [, , kh, kw] = wShape as [number, number, number, number];
  const transposed: Form = (weight, g) => convTranspose2d(g!, weight!, { ...conv, height, width });
  if (conv.padding > Math.min(kh, kw) - 1) return { transposed };
  const flipped: Form = (weight, g) => flippedConv(xShape, weight!, g!, conv);
  if (conv.stride === 1) return winogradBeside({ flipped }, few, wShape);
  return winogradBeside({ transposed }, few, wShape);
}

/**
 * At stride 1 the input gradient is itself a convolution: of g with the weights flipped and their channels exchanged.
 */
function flippedConv(xShape: Shape, weight: Tensor, g: Tensor, { padding, groups }: ConvGeometry): Tensor {
  const [o, cPerGroup, kh, kw] = weight.shape as [number, number, number, number];
  const byGroup = reshape(weight, [groups, o / groups, cPerGroup, kh * kw]);
  const exchanged = transpose(byGroup, [0, 2, 1, 3]);
  const taps = integers(Array.from({ length: kh * kw }, (_, i) => kh * kw - 1 - i));
  const flipped = apply("Gather", [exchanged, taps], { shape: exchanged.shape, attributes: { axis: 3 } });
  const pads = [kh - 1 - padding, kw - 1 - padding];
  return apply("Conv", [g, reshape(flipped, [groups * cPerGroup, o / groups, kh, kw])], {
    shape: xShape,
    attributes: { kernel_shape: [kh, kw], strides: [1, 1], pads: [...pads, ...pads], group: groups },
  });
}
