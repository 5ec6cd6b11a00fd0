// What every kind of image source gives: images with a name, a label if the source has one, and a way to decode them.
import { createReadStream } from "node:fs";
import { pipeline, type Transform } from "node:stream";
import { createGunzip } from "node:zlib";
import { decodeImage, type ImageShape, readImageInfo } from "../../core/decode.ts";
import { AppError } from "../../core/errors.ts";
import type { LeftOut } from "../../core/find-images.ts";

/** A decoded image. */
export interface DecodedImage {
  /** RGB bytes [H, W, 3] of the shape that was asked for. */
  readonly pixels: Uint8Array;
  /** Width and height of the original, in pixels. */
  readonly width: number;
  readonly height: number;
}

/** One image of a source. */
export interface SourceImage {
  /** Path in the source, with `/` on every system. */
  readonly name: string;
  readonly label: string | undefined;
  /** Rejects where the image cannot be decoded; the error's message is the reason. */
  decode(shape: ImageShape): Promise<DecodedImage>;
}

/** A folder, an archive or an idx file. */
export interface Source {
  /** Changes whenever the images may have changed: made of names, sizes and modification times. */
  readonly fingerprint: string;
  /** Number of images; undefined if it is not known before they are read. */
  readonly count: number | undefined;
  /** Entries of a folder that are not taken for images; those of an archive are not listed. */
  readonly leftOut?: readonly LeftOut[];
  images(): AsyncIterable<SourceImage>;
}

/** Largest image file that is read, in bytes: 50 million pixels of 16-bit RGBA fit. */
export const MAX_FILE_BYTES = 512 * 2 ** 20;

/** Decodes the bytes of an image file. Their first bytes, not a name, tell its type. */
export async function decodeFile(bytes: Uint8Array, shape: ImageShape): Promise<DecodedImage> {
  const { width, height } = await readImageInfo(bytes);
  return { pixels: await decodeImage(bytes, shape), width, height };
}

/**
 * The bytes of a file in chunks of about a megabyte; gunzipped where the name ends in `.gz` or `.tgz`.
 *
 * @throws AppError `invalid_dataset` where the file cannot be read to its end.
 */
export async function* readBytes(path: string): AsyncGenerator<Buffer> {
  const file = createReadStream(path, { highWaterMark: 2 ** 20 });
  try {
    if (/\.t?gz$/.test(path)) {
      const plain: Transform = createGunzip({ chunkSize: 2 ** 20 });
      yield* pipeline(file, plain, () => {}); // reading `plain` fails with the same error
    } else {
      yield* file;
    }
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new AppError(
      "invalid_dataset",
      `Expected to read ${path} to its end but failed: ${reason}. Download or copy it again.`,
      { cause: error },
    );
  }
}
