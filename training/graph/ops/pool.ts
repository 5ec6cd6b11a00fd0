// Pooling over images [N, C, H, W].
import { apply, constant, filled, type Tensor } from "../tensor.ts";
import { convTranspose2d } from "./conv-transpose.ts";
import { equal, mul, sub } from "./elementwise.ts";
import { reduceMean } from "./mean.ts";
import { concat, pad, reshape, slice } from "./shape.ts";

/** Mean over each image: [N, C, H, W] → [N, C]. */
export const globalAveragePool = (x: Tensor): Tensor => reduceMean(x, [2, 3]);

const pooledSize = (size: number, kernel: number, stride: number, padding: number) =>
  Math.floor((size + 2 * padding - kernel) / stride) + 1;

/** A square window that moves over an image. */
interface PoolOptions {
  readonly kernel: number;
  readonly stride: number;
  readonly padding: number;
}

/** Largest value of each window. Among equal ones the first gets the gradient, as in PyTorch. */
export function maxPool2d(x: Tensor, options: PoolOptions): Tensor {
  const { kernel, stride, padding } = options;
  const [n, c, h, w] = x.shape as [number, number, number, number];
  const y: Tensor = apply("MaxPool", [x], {
    shape: [n, c, pooledSize(h, kernel, stride, padding), pooledSize(w, kernel, stride, padding)],
    attributes: {
      kernel_shape: [kernel, kernel],
      strides: [stride, stride],
      pads: [padding, padding, padding, padding],
    },
    gradient: ([g]) => [maxPoolGradient(x, y, g!, options)],
  });
  return y;
}

/**
 * Without the operator's second output, the places of the largest values, which not every provider has: for each place
 * in a window, 1 where its value is the largest and no earlier one was.
 */
function maxPoolGradient(x: Tensor, y: Tensor, g: Tensor, { kernel, stride, padding }: PoolOptions): Tensor {
  const [n, c, height, width] = x.shape as [number, number, number, number];
  const [, , h, w] = y.shape as [number, number, number, number];
  const [below, right] = [(h - 1) * stride + kernel, (w - 1) * stride + kernel];
  const after = [0, 0, Math.max(0, below - height - padding), Math.max(0, right - width - padding)];
  const padded = pad(x, [0, 0, padding, padding], after, LOWEST);
  const parts: Tensor[] = [];
  let left: Tensor | undefined; // 1 where no earlier place had the largest value
  for (let i = 0; i < kernel; i++) {
    for (let j = 0; j < kernel; j++) {
      const rows = slice(padded, 2, i, i + (h - 1) * stride + 1, stride);
      const isLargest = equal(slice(rows, 3, j, j + (w - 1) * stride + 1, stride), y);
      const isFirst: Tensor = left ? mul(isLargest, left) : isLargest;
      left = left ? sub(left, isFirst) : sub(filled([], 1), isFirst);
      parts.push(reshape(mul(isFirst, g), [n, c, 1, h, w]));
    }
  }
  const places = kernel * kernel;
  const stacked = reshape(concat(parts, 2), [n, c * places, h, w]);
  const isPlace = Float32Array.from({ length: c * places * places }, (_, at) =>
    at % places === Math.floor(at / places) % places ? 1 : 0,
  );
  const weight = constant(isPlace, [c * places, 1, kernel, kernel]);
  return convTranspose2d(stacked, weight, { stride, padding, groups: c, height, width });
}

/** Less than any value of an image, and finite: a product with 0 stays 0. */
const LOWEST = -3e38;

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
