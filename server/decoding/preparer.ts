import type { Region } from "../../core/decode.ts";
import type { EncoderInput } from "../../core/model-card.ts";
import type { Decoder } from "./decoder.ts";

/** Decodes one image to the pixels that an encoder expects: [H, W, 3]. */
export type Prepare = (input: EncoderInput) => Promise<Uint8Array>;

/** Decodes one image, or a region of it, once for all encoders that expect the same size and fit. */
export function createPreparer(decoder: Decoder, bytes: Uint8Array, region?: Region): Prepare {
  const decoded = new Map<string, Promise<Uint8Array>>();
  return (input) => {
    const { width, height, fit } = input;
    const key = `${width}×${height} ${fit}`;
    const pixels = decoded.get(key) ?? decoder.pixels(bytes, { width, height, fit }, region);
    decoded.set(key, pixels);
    return pixels;
  };
}
