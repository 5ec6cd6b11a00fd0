// Raw pixels as an embedding: the baseline that a trained encoder has to beat.
import { centred } from "../../core/vector.ts";

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
    embeddings.set(centred(Float32Array.from(pixels.subarray(from, from + dimensions))), from);
  }
  return embeddings;
}
