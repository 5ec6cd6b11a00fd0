// Masks as files: grey PNGs of 0 outside and 255 inside, which browsers and every image library read.
import sharp from "sharp";
import { decodeNumbers, readImageInfo } from "./decode.ts";
import { AppError } from "./errors.ts";

/** Which pixels of an image belong to a thing; it covers the whole image, in a resolution of its own. */
export interface Mask {
  /** Pixels. */
  readonly width: number;
  readonly height: number;
  /** [height, width], row by row: 1 inside, 0 outside. */
  readonly inside: Uint8Array;
}

/** Most pixels of a side of a mask that is decoded. */
export const MAX_MASK_SIDE = 1024;

/** A mask as a PNG. */
export function encodeMask({ width, height, inside }: Mask): Promise<Buffer> {
  const grey = inside.map((value) => 255 * value);
  return sharp(grey, { raw: { width, height, channels: 1 } })
    .toColourspace("b-w")
    .png()
    .toBuffer();
}

/**
 * Decodes a mask: a grey PNG of 8 bits, inside where its value is 128 or more.
 *
 * @throws AppError `invalid_request` where it is no such file, larger than {@link MAX_MASK_SIDE}, or nothing is inside.
 */
export async function decodeMask(bytes: Uint8Array): Promise<Mask> {
  try {
    const { type, width, height } = await readImageInfo(bytes);
    if (type !== "png") throw refused(`the file is ${type}`);
    if (Math.max(width, height) > MAX_MASK_SIDE) throw refused(`it has ${width}×${height}`);
    const { values, ...size } = await decodeNumbers(bytes);
    const inside = values.map((value) => (value >= 128 ? 1 : 0));
    if (!inside.includes(1)) throw refused("all of it is below 128");
    return { ...size, inside };
  } catch (error) {
    if (!(error instanceof AppError) || error.code === "invalid_request") throw error;
    throw refused(error.message);
  }
}

const refused = (why: string) =>
  new AppError(
    "invalid_request",
    `Expected a mask as a grey PNG of 8 bits and at most ${MAX_MASK_SIDE}×${MAX_MASK_SIDE} pixels, with 255 inside the shape and 0 outside, but ${why}. POST /v1/segments answers such a mask.`,
  );
