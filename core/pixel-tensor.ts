// Pixels as an encoder takes them.

import type { EncoderInput } from "./model-card.ts";
import { Tensor } from "./onnxruntime.ts";

/** RGB bytes [count, H, W, 3] → normalised float32 [count, 3, H, W]. */
export function normalisePixels(pixels: Uint8Array, count: number, input: EncoderInput): Float32Array {
  checkLength(pixels, count, input);
  const area = input.width * input.height;
  const scale = input.std.map((s) => 1 / (255 * s));
  const shift = input.mean.map((m, c) => m / input.std[c]!);
  const out = new Float32Array(pixels.length);
  for (let n = 0; n < count; n++) {
    for (let c = 0; c < 3; c++) {
      const to = (n * 3 + c) * area;
      const from = n * area * 3 + c;
      for (let i = 0; i < area; i++) out[to + i] = pixels[from + i * 3]! * scale[c]! - shift[c]!;
    }
  }
  return out;
}

/** Images as a session takes them. */
export const pixelTensor = (pixels: Uint8Array, count: number, input: EncoderInput): Tensor =>
  new Tensor("float32", normalisePixels(pixels, count, input), [count, 3, input.height, input.width]);

/** @throws RangeError where `pixels` are not those of `count` images. */
export function checkLength(pixels: Uint8Array, count: number, { width, height }: EncoderInput): void {
  const expected = count * width * height * 3;
  if (pixels.length === expected) return;
  throw new RangeError(`Expected ${expected} bytes for ${count} images but received ${pixels.length}`);
}
