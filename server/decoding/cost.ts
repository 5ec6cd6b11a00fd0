// What decoding an image may cost, told from its header.
import { type ImageInfo, type ImageType, MAX_PIXELS, readImageInfo, sniffImageType } from "../../core/decode.ts";
import { AppError } from "../../core/errors.ts";
import { ALL_SHARES } from "./share-queue.ts";

/** The most pixels of an image that comes from outside, by its type. */
export interface PixelLimits {
  /** Of all types but these two. */
  readonly maxPixels: number;
  readonly maxAvifPixels: number;
  readonly maxHeicPixels: number;
}

/**
 * AVIF takes 0.12 CPU seconds and 20 MB of memory a megapixel, HEIC 0.25 seconds and 13 MB: several times what the
 * others take.
 */
export const PIXEL_LIMITS: PixelLimits = {
  maxPixels: MAX_PIXELS,
  maxAvifPixels: 16_000_000,
  maxHeicPixels: 25_000_000,
};

function mostPixels(type: ImageType, { maxPixels, maxAvifPixels, maxHeicPixels }: PixelLimits): number {
  return type === "avif" ? maxAvifPixels : type === "heic" ? maxHeicPixels : maxPixels;
}

/** Types of which even a small image is decoded apart: what decodes them is slow, or cannot be stopped. */
const APART: ReadonlySet<ImageType | undefined> = new Set(["avif", "heic"]);

/** True where an image may be decoded in the server's own threads if it has few pixels. */
export const mayBeCheap = (bytes: Uint8Array): boolean => !APART.has(sniffImageType(bytes));

/** Images of at most this many pixels are cheap to decode, AVIF and HEIC excepted: 0.3 CPU seconds at most. */
export const CHEAP_PIXELS = 4_000_000;
/** Expensive decodes under way at a time, however small. */
const MOST_AT_ONCE = 8;

/**
 * Reads the header of an image that comes from outside.
 *
 * @throws AppError as `readImageInfo`; `image_too_many_pixels` by the bound of its type.
 */
export async function inspectImage(bytes: Uint8Array, limits: PixelLimits): Promise<ImageInfo> {
  const info = await readImageInfo(bytes, Number.POSITIVE_INFINITY);
  const most = mostPixels(info.type, limits);
  if (info.width * info.height <= most) return info;
  throw new AppError(
    "image_too_many_pixels",
    `Expected at most ${most / 1e6} million pixels of ${info.type} but the image has ${info.width}×${info.height}. Make it smaller, or send it as JPEG.`,
  );
}

/** The shares of a decode: all of them for the largest image of its type. */
export function sharesOf({ type, width, height }: ImageInfo, limits: PixelLimits): number {
  const shares = Math.ceil((ALL_SHARES * width * height) / mostPixels(type, limits));
  return Math.min(Math.max(shares, ALL_SHARES / MOST_AT_ONCE), ALL_SHARES);
}
