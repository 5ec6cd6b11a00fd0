// Enlarging a map.
import { apply, constant, type Tensor } from "../tensor.ts";
import { matmul } from "./matmul.ts";

/**
 * x [N, C, H, W] → [N, C, factor·H, factor·W], bilinear between the centres of pixels; at the edges the outermost
 * pixel goes on. As torch.nn.functional.interpolate without align_corners.
 */
export function upsample(x: Tensor, factor: number): Tensor {
  const [n, c, h, w] = x.shape as [number, number, number, number];
  if (x.shape.length !== 4) throw new RangeError(`upsample: expected [N, C, H, W] but received [${x.shape}]`);
  if (!Number.isInteger(factor) || factor < 1) {
    throw new RangeError(`upsample: expected a whole factor of at least 1 but received ${factor}`);
  }
  if (factor === 1) return x;
  const region = constant(new Float32Array(0), [0]); // none: the whole map
  const scales = constant(Float32Array.of(1, 1, factor, factor), [4]);
  return apply("Resize", [x, region, scales], {
    shape: [n, c, factor * h, factor * w],
    attributes: { mode: "linear", coordinate_transformation_mode: "half_pixel" },
    parents: [x],
    // y = R x Cᵀ with the weights of rows and columns, so the gradient is Rᵀ g C.
    gradient: ([g]) => [matmul(matmul(weights(h, factor, "transposed"), g!), weights(w, factor))],
  });
}

/** What every enlarged place takes of each of `size` pixels: [factor·size, size]. */
function weights(size: number, factor: number, form?: "transposed"): Tensor {
  const places = factor * size;
  const values = new Float32Array(places * size);
  for (let place = 0; place < places; place++) {
    const at = Math.min(Math.max((place + 0.5) / factor - 0.5, 0), size - 1);
    for (const pixel of new Set([Math.floor(at), Math.ceil(at)])) {
      values[form ? pixel * places + place : place * size + pixel] = 1 - Math.abs(at - pixel);
    }
  }
  return constant(values, form ? [size, places] : [places, size]);
}
