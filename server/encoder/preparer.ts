import type { Region } from "../../core/decode.ts";
import { decodeForEncoder } from "../../core/encoder-session.ts";
import type { EncoderInput } from "../../core/model-card.ts";

/** Decodes one image to the pixels that an encoder expects: [H, W, 3]. */
export type Prepare = (input: EncoderInput) => Promise<Uint8Array>;

/** Decodes one image, or a region of it, once for all encoders that expect the same size and fit. */
export function createPreparer(bytes: Uint8Array, region?: Region): Prepare {
  const decoded = new Map<string, Promise<Uint8Array>>();
  return (input) => {
    const key = `${input.width}×${input.height} ${input.fit}`;
    const pixels = decoded.get(key) ?? decodeForEncoder(bytes, input, region);
    decoded.set(key, pixels);
    return pixels;
  };
}
