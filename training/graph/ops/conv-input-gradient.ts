// Forms of a convolution's input gradient. All give the same values; which is fastest depends on the shape.
import { apply, integers, type Shape, type Tensor } from "../tensor.ts";
import { convTranspose2d } from "./conv-transpose.ts";
import { reshape, transpose } from "./shape.ts";

interface ConvShape {
  readonly stride: number;
  readonly padding: number;
  readonly groups: number;
}

/** The gradient with respect to x of `xShape` [N, C, H, W], from g [N, O, h, w]; the generally best form first. */
export function inputGradientForms(
  xShape: Shape,
  weight: Tensor,
  g: Tensor,
  conv: ConvShape,
): Record<string, () => Tensor> {
  const [, , height, width] = xShape as [number, number, number, number];
  const [, , kh, kw] = weight.shape as [number, number, number, number];
  const transposed = () => convTranspose2d(g, weight, { ...conv, height, width });
  if (conv.stride !== 1 || conv.padding > Math.min(kh, kw) - 1) return { transposed };
  return { flipped: () => flippedConv(xShape, weight, g, conv), transposed };
}

/** At stride 1 the input gradient is itself a convolution: of g with the weights flipped and their channels exchanged. */
function flippedConv(xShape: Shape, weight: Tensor, g: Tensor, { padding, groups }: ConvShape): Tensor {
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
