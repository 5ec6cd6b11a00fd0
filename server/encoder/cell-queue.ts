// Cells of whole pictures: the crops of one in batches, one picture after the other. Between two batches the encoder
// takes what else waits, so that a picture of many crops holds nobody up for long.
import type { Cells } from "../../core/cells.ts";
import { AppError } from "../../core/errors.ts";

/** Options of {@link createCellQueue}. */
export interface CellQueueOptions {
  /** Bytes of one crop's pixels. */
  readonly imageBytes: number;
  /** Crops of one run. */
  readonly maxBatch: number;
  /** [count, H, W, 3] → cells. */
  readonly run: (pixels: Uint8Array, count: number) => Promise<Cells>;
}

/** Pictures under way before more are refused: each takes a fifth of a second or more. */
const MAX_PICTURES = 16;

/** Makes a function that reads the cells of `count` crops. It throws AppError `overloaded`, and what a run throws. */
export function createCellQueue({ imageBytes, maxBatch, run }: CellQueueOptions): EncodeCells {
  let last: Promise<unknown> = Promise.resolve();
  let pictures = 0;

  const inBatches: EncodeCells = async (pixels, count) => {
    const parts: Cells[] = [];
    for (let first = 0; first < count; first += maxBatch) {
      const size = Math.min(maxBatch, count - first);
      parts.push(await run(pixels.subarray(first * imageBytes, (first + size) * imageBytes), size));
    }
    const [{ width, height, vectors }] = parts as [Cells, ...Cells[]];
    const joined = new Float32Array((vectors.length / Math.min(maxBatch, count)) * count);
    let at = 0;
    for (const part of parts) {
      joined.set(part.vectors, at);
      at += part.vectors.length;
    }
    return { width, height, vectors: joined };
  };

  return async (pixels, count) => {
    if (pictures >= MAX_PICTURES) {
      throw new AppError("overloaded", `${pictures} pictures wait for their shapes already. Try again in a moment.`);
    }
    pictures++;
    const own = last.then(() => inBatches(pixels, count));
    last = own.catch(() => {});
    return own.finally(() => pictures--);
  };
}

/** Cells of `count` images, [count, H, W, 3]. */
export type EncodeCells = (pixels: Uint8Array, count: number) => Promise<Cells>;
