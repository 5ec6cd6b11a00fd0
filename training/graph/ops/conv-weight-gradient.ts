// Forms of a convolution's weight gradient. All give the same values; which is fastest depends on the shape.
import { apply, type Shape, type Tensor } from "../tensor.ts";
import { reshape, slice, transpose } from "./shape.ts";

interface ConvShape {
  readonly stride: number;
  readonly padding: number;
  readonly groups: number;
}

/** The gradient with respect to the weight of `wShape` [O, C/groups, kH, kW], from x [N, C, H, W] and g [N, O, h, w]. */
export function weightGradientForms(
  x: Tensor,
  wShape: Shape,
  g: Tensor,
  conv: ConvShape,
): Record<string, () => Tensor> {
  return { convolution: () => asConvolution(x, wShape, g, conv) };
}

/**
 * A convolution with images as channels: x as [C/groups, groups·N, H, W], g as its weights [O, N, h, w], the stride as
 * dilation. Rows and columns that a strided convolution left unread are cut off.
 */
function asConvolution(x: Tensor, wShape: Shape, g: Tensor, { stride, padding, groups }: ConvShape): Tensor {
  const [n, c, height, width] = x.shape as [number, number, number, number];
  const [, o, h, w] = g.shape as [number, number, number, number];
  const [, cPerGroup, kh, kw] = wShape as [number, number, number, number];
  const byGroup = reshape(x, [n, groups, c / groups, height, width]);
  const images = reshape(transpose(byGroup, [2, 1, 0, 3, 4]), [cPerGroup, groups * n, height, width]);
  const rows = height + 2 * padding - (h - 1) * stride;
  const columns = width + 2 * padding - (w - 1) * stride;
  const all = apply("Conv", [images, transpose(g, [1, 0, 2, 3])], {
    shape: [cPerGroup, o, rows, columns],
    attributes: {
      kernel_shape: [h, w],
      strides: [1, 1],
      dilations: [stride, stride],
      pads: [padding, padding, padding, padding],
      group: groups,
    },
  });
  return transpose(slice(slice(all, 2, 0, kh), 3, 0, kw), [1, 0, 2, 3]);
}
