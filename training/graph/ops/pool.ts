// Pooling over images [N, C, H, W].
import { apply, filled, integers, makeNode, scalar, type Tensor } from "../tensor.ts";
import { convTranspose2d } from "./conv-transpose.ts";
import { reduceMean } from "./mean.ts";
import { reshape } from "./shape.ts";

/** Mean over each image: [N, C, H, W] → [N, C]. */
export const globalAveragePool = (x: Tensor): Tensor => reduceMean(x, [2, 3]);

const pooledSize = (size: number, kernel: number, stride: number, padding: number) =>
  Math.floor((size + 2 * padding - kernel) / stride) + 1;

/** Largest value of each window. Among equal ones the first gets the gradient, as in PyTorch. */
export function maxPool2d(
  x: Tensor,
  { kernel, stride, padding }: { kernel: number; stride: number; padding: number },
): Tensor {
  const [n, c, h, w] = x.shape as [number, number, number, number];
  const shape = [n, c, pooledSize(h, kernel, stride, padding), pooledSize(w, kernel, stride, padding)];
  const attributes = {
    kernel_shape: [kernel, kernel],
    strides: [stride, stride],
    pads: [padding, padding, padding, padding],
  };
  const outputs = makeNode(
    {
      op: "MaxPool",
      inputs: [x],
      attributes,
      gradient: ([g]) => [reshape(scatterAdd(n * c * h * w, reshape(outputs[1]!, [-1]), reshape(g!, [-1])), x.shape)],
    },
    [
      { shape, dtype: "float32" },
      { shape, dtype: "int64" },
    ],
  );
  return outputs[0]!;
}

/** Mean of each window without padding. */
export function averagePool2d(x: Tensor, { kernel, stride }: { kernel: number; stride: number }): Tensor {
  const [n, c, h, w] = x.shape as [number, number, number, number];
  const spread = filled([c, 1, kernel, kernel], 1 / (kernel * kernel));
  return apply("AveragePool", [x], {
    shape: [n, c, pooledSize(h, kernel, stride, 0), pooledSize(w, kernel, stride, 0)],
    attributes: { kernel_shape: [kernel, kernel], strides: [stride, stride] },
    gradient: ([g]) => [convTranspose2d(g!, spread, { stride, padding: 0, groups: c, height: h, width: w })],
  });
}

/** Zeros [size] with `updates` [M] added at `indices` (int64 [M]). */
function scatterAdd(size: number, indices: Tensor, updates: Tensor): Tensor {
  const zeros = apply("Expand", [scalar(0), integers([size])], { shape: [size] });
  return apply("ScatterElements", [zeros, indices, updates], {
    shape: [size],
    attributes: { axis: 0, reduction: "add" },
  });
}
