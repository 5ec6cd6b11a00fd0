import { decodeForEncoder } from "../../core/encoder-session.ts";
import type { Prepare } from "./generation.ts";

/** Decodes the bytes of one image for encoders; once only for all that expect the same input. */
export function createPreparer(bytes: Uint8Array): Prepare {
  const decoded = new Map<string, Promise<Uint8Array>>();
  return (input) => {
    const key = `${input.width}×${input.height} ${input.fit}`;
    const pixels = decoded.get(key) ?? decodeForEncoder(bytes, input);
    decoded.set(key, pixels);
    return pixels;
  };
}
