// Image files to embeddings inside the encoder's process: what a swap computes again.
import { decodeImage, readImageInfo } from "../../core/decode.ts";
import type { EncoderSession } from "../../core/encoder-session.ts";
import { AppError } from "../../core/errors.ts";
import { PIXEL_LIMITS, sharesOf } from "../decoding/cost.ts";
import { createShareQueue } from "../decoding/share-queue.ts";
import { toPlainError } from "../processes/plain-error.ts";
import type { Undecodable } from "./messages.ts";

/** Files of a batch that are decoded at a time, where all together are not too large. */
const DECODERS = 4;
const shares = createShareQueue();

/**
 * Embeds image files: [files, D], and which of them cannot be decoded. `onDecoded` is called after each: a large one
 * takes seconds.
 */
export async function embedFiles(
  { card, embed }: EncoderSession,
  files: readonly Uint8Array[],
  onDecoded: () => void,
): Promise<{ embeddings: Float32Array; undecodable: Undecodable[] }> {
  const { input } = card;
  const imageBytes = input.width * input.height * 3;
  const pixels = new Uint8Array(files.length * imageBytes);
  const undecodable: Undecodable[] = [];
  const next = files.entries();
  const decode = async () => {
    for (const [i, file] of next) {
      try {
        // Stored files were within the limits when they came.
        const info = await readImageInfo(file, Number.POSITIVE_INFINITY);
        const decodeOne = () => decodeImage(file, input, undefined, Number.POSITIVE_INFINITY);
        pixels.set(await shares.run(sharesOf(info, PIXEL_LIMITS), decodeOne), i * imageBytes);
      } catch (error) {
        if (!(error instanceof AppError)) throw error;
        undecodable.push({ file: i, error: toPlainError(error) });
      }
      onDecoded();
    }
  };
  await Promise.all(Array.from({ length: DECODERS }, decode));
  return { embeddings: await embed(pixels, files.length), undecodable };
}
