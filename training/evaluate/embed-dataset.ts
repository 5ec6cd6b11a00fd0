// The embeddings of a whole data set.
import type { Dataset } from "../data/dataset.ts";

/** RGB bytes [count, H, W, 3] → embeddings [count, D]: an `EncoderSession`'s `embed`, or `embedPixels`. */
export type Embed = (pixels: Uint8Array, count: number) => Promise<Float32Array> | Float32Array;

/**
 * Embeds every image of a data set, in its order.
 *
 * @param dataset Opened in the shape that `embed` expects: that of the model card's input.
 * @param options.batchSize Images embedded at once. @default 64
 * @param options.onProgress Called after each batch with the number of images done.
 * @returns [N, D], row by row.
 */
export async function embedDataset(
  dataset: Dataset,
  embed: Embed,
  { batchSize = 64, onProgress }: { batchSize?: number; onProgress?: (done: number) => void } = {},
): Promise<Float32Array> {
  let embeddings = new Float32Array(0);
  for (let first = 0; first < dataset.count; first += batchSize) {
    const count = Math.min(batchSize, dataset.count - first);
    const pixels = new Uint8Array(count * dataset.height * dataset.width * 3);
    await dataset.read(
      Array.from({ length: count }, (_, i) => first + i),
      pixels,
    );
    const batch = await embed(pixels, count);
    const dimensions = batch.length / count;
    if (first === 0) embeddings = new Float32Array(dataset.count * dimensions);
    embeddings.set(batch, first * dimensions);
    onProgress?.(first + count);
  }
  return embeddings;
}
