// Forms of a convolution's weight gradient. All give the same values; which is fastest depends on the shape.
import { apply, type Form, type Shape, type Tensor } from "../tensor.ts";
import { reduceSum } from "./broadcast.ts";
import type { ConvGeometry } from "./conv-geometry.ts";
import { matmul, transposed } from "./matmul.ts";
import { concat, pad, reshape, slice, transpose } from "./shape.ts";
import { winogradBeside } from "./winograd.ts";

/**
 * The gradient with respect to the weight of `wShape` [O, C/groups, kH, kW], of x [N, C, H, W] and g [N, O, h, w].
 *
 * @param few Winograd's form.
 */
export function weightGradientForms(wShape: Shape, conv: ConvGeometry, few?: Form): Record<string, Form> {
  const convolution: Form = (x, g) => asConvolution(x!, wShape, g!, conv);
  const products: Form = (x, g) => asProducts(x!, wShape, g!, conv);
  if (conv.groups > 1) return { products, convolution };
  return winogradBeside({ convolution, products }, few, wShape);
}

/**
 * A convolution with images as channels: x as [C/groups, groups·N, H, W], g as its weights [O, N, h, w], the stride as
 * dilation. Rows and columns that a strided convolution does not read are cut off.
 */
function asConvolution(x: Tensor, wShape: Shape, g: Tensor, { stride, padding, groups }: ConvGeometry): Tensor {
  const [n, c, height, width] = x.shape as [number, number, number, number];
  const [, o, h, w] = g.shape as [number, number, number, number];
  const [, cPerGroup, kh, kw] = wShape as [number, number, number, number];
  const byGroup = reshape(x, [n, groups, c / groups, height, width]);
  const images = reshape(transpose(byGroup, [2, 1, 0, 3, 4]), [cPerGroup, groups * n, height, width]);
  // Padded beforehand: padding by the operator makes its inner loop of three columns slow.
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

/**
 * For each image the product of g [O, h·w] and the values that each tap reads [C·kH·kW, h·w]; then the sum over images.
 */
function asProducts(x: Tensor, wShape: Shape, g: Tensor, { stride, padding, groups }: ConvGeometry): Tensor {
  const [n, c] = x.shape as [number, number];
  const [, o, h, w] = g.shape as [number, number, number, number];
  const [, cPerGroup, kh, kw] = wShape as [number, number, number, number];
  const padded = padding === 0 ? x : pad(x, [0, 0, padding, padding], [0, 0, padding, padding]);
  const read = (ky: number, kx: number) => {
    const rows = slice(padded, 2, ky, ky + (h - 1) * stride + 1, stride);
    return reshape(slice(rows, 3, kx, kx + (w - 1) * stride + 1, stride), [n, c, 1, h * w]);
  };
  const taps = Array.from({ length: kh * kw }, (_, i) => read(Math.floor(i / kw), i % kw));
  const columns = reshape(concat(taps, 2), [n, groups, cPerGroup * kh * kw, h * w]);
  const products = matmul(reshape(g, [n, groups, o / groups, h * w]), transposed(columns));
  return reshape(reduceSum(products, [0]), wShape);
}
