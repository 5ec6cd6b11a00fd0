// What the server and its decoding process say to each other, and what they both do.
import { decodeImage, type ImageShape, makeThumbnail, type Region } from "../../core/decode.ts";
import type { PlainError } from "../processes/plain-error.ts";

/** What is to be made of an image file: RGB pixels of a shape, or a thumbnail of `size` pixels on its longer side. */
export type Target = { readonly shape: ImageShape; readonly region?: Region | undefined } | { readonly size: number };

/** To the decoding process. */
export interface ToDecoder {
  readonly id: number;
  readonly bytes: Uint8Array;
  readonly target: Target;
  /** A larger image is refused. */
  readonly maxPixels: number;
}

/** From the decoding process: `ready` once, then an answer to each image in any order. */
export type FromDecoder =
  | { readonly ready: true }
  | { readonly id: number; readonly made: Uint8Array }
  | { readonly id: number; readonly error: PlainError };

/** Decodes an image file of at most `maxPixels`. Errors as `decodeImage`. */
export function make(bytes: Uint8Array, target: Target, maxPixels?: number): Promise<Uint8Array> {
  return "size" in target
    ? makeThumbnail(bytes, target.size, maxPixels)
    : decodeImage(bytes, target.shape, target.region, maxPixels);
}
