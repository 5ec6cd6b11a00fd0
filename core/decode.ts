// Bytes of an image file → RGB pixels. The one place where image files are decoded: training and serving share it.
import sharp, { type Sharp } from "sharp";
import { AppError } from "./errors.ts";
import type { Fit } from "./fit.ts";
import { decodeHeic } from "./heic.ts";
import { type ImageType, sniffImageType } from "./image-type.ts";

export { type ImageType, sniffImageType } from "./image-type.ts";

/** What the header of an image says. `width` and `height` are as displayed (EXIF orientation applied), in pixels. */
export interface ImageInfo {
  readonly type: ImageType;
  readonly width: number;
  readonly height: number;
}

/** Most pixels of an image, width × height. A larger one is refused before it is decoded. */
export const MAX_PIXELS = 50_000_000;

// Only the loaders of the allowed types may run, whatever the bytes claim to be: no SVG, PDF or ImageMagick.
sharp.block({ operation: ["VipsForeignLoad"] });
sharp.unblock({
  operation: [
    "VipsForeignLoadJpegBuffer",
    "VipsForeignLoadPngBuffer",
    "VipsForeignLoadWebpBuffer",
    "VipsForeignLoadHeifBuffer",
    "VipsForeignLoadTiffBuffer",
    "VipsForeignLoadNsgifBuffer",
  ],
});
sharp.cache(false);

function open(bytes: Uint8Array, maxPixels = MAX_PIXELS) {
  if (bytes.length === 0) throw new AppError("empty_image", "Expected an image file but received 0 bytes.");
  const type = sniffImageType(bytes);
  if (!type) {
    throw new AppError(
      "unsupported_image_type",
      "Expected a JPEG, PNG, WebP, AVIF, HEIC, TIFF or GIF image but the bytes are none of these. Convert the image and send it again.",
    );
  }
  const image = sharp(bytes, {
    limitInputPixels: Number.isFinite(maxPixels) && maxPixels,
    failOn: "error",
    pages: 1,
  }).timeout({ seconds: 20 });
  return { type, image };
}

/** The image with its pixels; those of HEIC come from another decoder. */
async function openPixels(bytes: Uint8Array, maxPixels?: number): Promise<Sharp> {
  const { type, image } = open(bytes, maxPixels);
  if (type !== "heic") return image;
  await image.metadata(); // refuses more than maxPixels
  const { data, width, height } = await decodeHeic(bytes);
  return sharp(data, { raw: { width, height, channels: 4 } });
}

function asAppError(error: unknown, maxPixels = MAX_PIXELS): AppError {
  if (error instanceof AppError) return error;
  const reason = error instanceof Error ? error.message.replaceAll(/\s+/g, " ").trim() : String(error);
  if (/pixel limit|dimensions? exceed/i.test(reason)) {
    return new AppError(
      "image_too_many_pixels",
      `Expected at most ${maxPixels / 1e6} million pixels but the image has more. Make it smaller and send it again.`,
      { cause: error },
    );
  }
  return new AppError("corrupt_image", `Expected a whole image file but it cannot be decoded: ${reason}.`, {
    cause: error,
  });
}

/**
 * Reads the header of an image file.
 *
 * @param maxPixels A larger image is refused; Infinity for none. @default MAX_PIXELS
 * @throws AppError `empty_image`, `unsupported_image_type`, `image_too_many_pixels` or `corrupt_image`.
 */
export async function readImageInfo(bytes: Uint8Array, maxPixels?: number): Promise<ImageInfo> {
  const { type, image } = open(bytes, maxPixels);
  try {
    const { autoOrient } = await image.metadata();
    return { type, width: autoOrient.width, height: autoOrient.height };
  } catch (error) {
    throw asAppError(error, maxPixels);
  }
}

/** The size that an image is resized to, in pixels, and how. The `input` of a model card is one. */
export interface ImageShape {
  readonly width: number;
  readonly height: number;
  readonly fit: Fit;
}

/** A part of an image as displayed, in whole pixels from its top left corner. */
export interface Region {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/**
 * Decodes an image file to exactly `width` × `height`: EXIF orientation applied, sRGB, transparency over white, the
 * first frame of an animation, cubic interpolation.
 *
 * @param region The part to decode, which must lie inside the image. Default: all of it.
 * @param maxPixels A larger image is refused. @default MAX_PIXELS
 * @returns RGB bytes, row by row, `height × width × 3` long.
 * @throws AppError `empty_image`, `unsupported_image_type`, `image_too_many_pixels` or `corrupt_image`.
 */
export async function decodeImage(
  bytes: Uint8Array,
  shape: ImageShape,
  region?: Region,
  maxPixels?: number,
): Promise<Uint8Array> {
  try {
    const upright = (await openPixels(bytes, maxPixels)).autoOrient();
    if (!region) return await toRgb(upright, shape);
    const { x: left, y: top, width, height } = region;
    return await toRgb(upright.extract({ left, top, width, height }), shape);
  } catch (error) {
    throw asAppError(error, maxPixels);
  }
}

/**
 * Resizes decoded pixels to `width` × `height`, as {@link decodeImage} does.
 *
 * @param pixels Grey (1 channel) or RGB (3 channels) bytes, row by row: `from.height × from.width × from.channels`.
 * @returns RGB bytes, row by row, `height × width × 3` long.
 */
export function resizePixels(
  pixels: Uint8Array,
  from: { width: number; height: number; channels: 1 | 3 },
  shape: ImageShape,
): Promise<Uint8Array> {
  return toRgb(sharp(pixels, { raw: from }), shape);
}

async function toRgb(image: Sharp, { width, height, fit }: ImageShape): Promise<Uint8Array> {
  const pixels = await image
    .toColourspace("srgb")
    .flatten({ background: "#ffffff" })
    .resize({ width, height, fit, background: "#ffffff", kernel: "cubic", fastShrinkOnLoad: false })
    .raw({ depth: "uchar" })
    .toBuffer();
  const expected = width * height * 3;
  if (pixels.length === expected) return pixels;
  if (pixels.length * 3 === expected) return greyToRgb(pixels);
  throw new Error(`expected ${expected} bytes of pixels but the decoder gave ${pixels.length}`);
}

/**
 * Decodes an image file whose pixels are numbers and no colours, such as a mask of classes: grey, 8 bits, in its own
 * size and orientation. Colour channels that are all equal count as grey; transparency is left out.
 *
 * @returns The numbers row by row, `height × width` long.
 * @throws AppError `corrupt_image` where it is not grey, and as {@link decodeImage}.
 */
export async function decodeNumbers(bytes: Uint8Array): Promise<{ width: number; height: number; values: Uint8Array }> {
  try {
    const { image } = open(bytes);
    const { depth, bitsPerSample = 8, isPalette } = await image.metadata();
    if (depth !== "uchar") throw notNumbers(`it has values of type ${depth}`);
    // The decoder stretches fewer bits over 0 to 255.
    if (bitsPerSample !== 8 && !isPalette) throw notNumbers(`it has ${bitsPerSample} bits a value`);
    const { data, info } = await image.raw().toBuffer({ resolveWithObject: true });
    const { width, height, channels } = info;
    const values = new Uint8Array(width * height);
    for (let i = 0; i < values.length; i++) {
      const [first, second, third] = data.subarray(i * channels, (i + 1) * channels);
      if (channels >= 3 && (first !== second || first !== third)) throw notNumbers("it has colours");
      values[i] = first!;
    }
    return { width, height, values };
  } catch (error) {
    throw asAppError(error);
  }
}

const notNumbers = (why: string) =>
  new AppError(
    "corrupt_image",
    `Expected an image of numbers, 8 bits and grey, but ${why}. Save the numbers themselves as grey values, without a palette.`,
  );

/**
 * A small picture of an image file: at most `size` pixels on its longer side, never enlarged, EXIF orientation applied.
 * A JPEG, which takes half of a WebP's time. A WebP where the image is transparent; and where it has at most 64 × 64
 * pixels, without loss.
 *
 * @param maxPixels A larger image is refused. @default MAX_PIXELS
 * @throws AppError as {@link decodeImage}.
 */
export async function makeThumbnail(bytes: Uint8Array, size: number, maxPixels?: number): Promise<Buffer> {
  try {
    const image = await openPixels(bytes, maxPixels);
    const { width, height, hasAlpha } = await image.metadata();
    const small = image
      .autoOrient()
      .toColourspace("srgb")
      .resize({ width: size, height: size, fit: "inside", withoutEnlargement: true });
    const lossless = Math.max(width, height) <= 64;
    return await (hasAlpha || lossless
      ? small.webp({ quality: 80, lossless })
      : small.jpeg({ quality: 80 })
    ).toBuffer();
  } catch (error) {
    throw asAppError(error, maxPixels);
  }
}

function greyToRgb(grey: Uint8Array): Uint8Array {
  const rgb = new Uint8Array(grey.length * 3);
  for (let i = 0; i < grey.length; i++) rgb.fill(grey[i]!, i * 3, i * 3 + 3);
  return rgb;
}
