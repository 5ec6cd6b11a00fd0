// Forms of a convolution's weight gradient. All give the same values; which is fastest depends on the shape.
import { apply, type Shape, type Tensor } from "../tensor.ts";
import { pad, reshape, slice, transpose } from "./shape.ts";

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
  // Padding that the operator adds itself would split its kernel's loop of three columns in three.
  const read = [(h - 1) * stride + kh, (w - 1) * stride + kw] as const;
  const cut = slice(slice(images, 2, 0, Math.min(height, read[0] - padding)), 3, 0, Math.min(width, read[1] - padding));
  const padded = pad(
    cut,
    [0, 0, padding, padding],
    [0, 0, read[0] - padding - cut.shape[2]!, read[1] - padding - cut.shape[3]!],
  );
  const all = apply("Conv", [padded, transpose(g, [1, 0, 2, 3])], {
    shape: [cPerGroup, o, kh, kw],
    attributes: {
      kernel_shape: [h, w],
      strides: [1, 1],
      dilations: [stride, stride],
      pads: [0, 0, 0, 0],
      group: groups,
    },
  });
  return transpose(all, [1, 0, 2, 3]);
}
