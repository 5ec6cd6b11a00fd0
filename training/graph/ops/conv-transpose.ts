// Transposed convolution: the input gradient of a convolution.
import { apply, type Tensor } from "../tensor.ts";

/**
 * g [N, O, h, w] with weight [O, C/groups, kH, kW] → [N, C, height, width], the gradient of conv2d's input of that
 * size. It has no gradient rule.
 */
export function convTranspose2d(
  g: Tensor,
  weight: Tensor,
  options: { stride: number; padding: number; groups: number; height: number; width: number },
): Tensor {
  const { stride, padding, groups, height, width } = options;
  const [n, , h, w] = g.shape as [number, number, number, number];
  const [, cPerGroup, kh, kw] = weight.shape as [number, number, number, number];
  const outputPadding = [height - ((h - 1) * stride - 2 * padding + kh), width - ((w - 1) * stride - 2 * padding + kw)];
  return apply("ConvTranspose", [g, weight], {
    shape: [n, cPerGroup * groups, height, width],
    attributes: {
      kernel_shape: [kh, kw],
      strides: [stride, stride],
      pads: [padding, padding, padding, padding],
      output_padding: outputPadding,
      group: groups,
    },
  });
}
