// Raw pixels as an embedding: the baseline that a trained encoder has to beat.
import { normalised } from "../../core/vector.ts";

/**
 * Each image's RGB values minus their mean, scaled to unit norm: the cosine similarity of two images is the correlation
 * of their pixels. An image of one grey has the zero vector.
 *
 * @param pixels [count, H, W, 3]
 * @returns [count, H·W·3], row by row.
 */
export function embedPixels(pixels: Uint8Array, count: number): Float32Array {
  const dimensions = pixels.length / count;
  const embeddings = new Float32Array(pixels.length);
  for (let from = 0; from < pixels.length; from += dimensions) {
    const row = Float32Array.from(pixels.subarray(from, from + dimensions));
    const mean = row.reduce((sum, value) => sum + value, 0) / dimensions;
    embeddings.set(normalised(row.map((value) => value - mean)), from);
  }
  return embeddings;
}
