// The decoded images of a collection on disk, so that they are decoded once and read by index:
// <name>.bin   a header of 32 bytes (magic, identity), then one record of RGB bytes [H, W, 3] for each image
// <name>.json  the index: what the records are, where they come from, which files could not be decoded
// The index is written last and repeats the identity of its .bin, so that files of two runs are never taken for one
// cache.
import { randomBytes } from "node:crypto";
import { type FileHandle, mkdir, open, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { basename, dirname, join } from "node:path";
import { z } from "zod";
import type { ImageShape } from "../../core/decode.ts";
import { asWriteFailure, replaceFile, temporaryName } from "../../core/files.ts";
import { FITS } from "../../core/fit.ts";
import type { DecodedImage, SourceImage } from "./source.ts";

const MAGIC = Buffer.from("moco-search-pix1");
/** Bytes before the first record of a `.bin`. */
export const HEADER_BYTES = 32;

const size = z.int().min(1);
const corruptImageSchema = z.object({ name: z.string(), reason: z.string() });

const indexSchema = z.object({
  format: z.literal("moco-search-images"),
  formatVersion: z.literal(1),
  /** Identity of the `.bin`: 16 random bytes, hex. */
  id: z.string().length(32),
  width: size,
  height: size,
  fit: z.enum(FITS),
  /** Absolute paths. */
  sources: z.array(z.string()),
  /** Changes whenever the sources do. */
  fingerprint: z.string(),
  /** In the order of the records; `width` and `height` are those of the original, in pixels. */
  images: z.array(z.object({ name: z.string(), label: z.string().optional(), width: size, height: size })),
  corrupt: z.array(corruptImageSchema),
});

/** A file that was skipped, and why. */
export type CorruptImage = z.infer<typeof corruptImageSchema>;

/** The index of a cache. */
export type CacheIndex = z.infer<typeof indexSchema>;

/** What is known of a cache before its images are decoded. */
export type CacheDescription = Pick<CacheIndex, keyof ImageShape | "sources" | "fingerprint">;

/** An open cache: its index and its open `.bin`, which the caller closes. */
export interface ImageCache {
  readonly index: CacheIndex;
  readonly pixels: FileHandle;
}

/**
 * Opens the cache at `<path>.bin` and `<path>.json`; undefined if there is none, or if it is of other images or another
 * format version.
 */
export async function openCache(path: string, description: CacheDescription): Promise<ImageCache | undefined> {
  const index = await readIndex(`${path}.json`);
  if (!index || index.fingerprint !== description.fingerprint) return undefined;
  const pixels = await open(`${path}.bin`, "r").catch(() => undefined);
  if (!pixels) return undefined;
  const { buffer: header } = await pixels.read(Buffer.alloc(HEADER_BYTES), 0, HEADER_BYTES, 0);
  const length = HEADER_BYTES + index.images.length * recordBytes(index);
  if (header.equals(headerOf(index.id)) && (await pixels.stat()).size === length) return { index, pixels };
  await pixels.close();
  return undefined;
}

/**
 * Decodes images, several at a time and in bounded memory, and writes the cache at `<path>.bin` and `<path>.json`.
 * Several runs may do so at once: each reads the file that it wrote.
 *
 * @throws AppError `storage_full` or `invalid_configuration` where the cache cannot be written, `invalid_dataset` where
 *   a source cannot be read to its end.
 */
export async function buildCache(
  path: string,
  description: CacheDescription,
  images: AsyncIterable<SourceImage>,
  onProgress: (done: number, corrupt: number) => void,
): Promise<ImageCache> {
  const id = randomBytes(16).toString("hex");
  const index: CacheIndex = {
    format: "moco-search-images",
    formatVersion: 1,
    id,
    ...description,
    images: [],
    corrupt: [],
  };
  const temporary = temporaryName(`${path}.bin`);
  let pixels: FileHandle | undefined;
  try {
    await mkdir(dirname(path), { recursive: true });
    pixels = await open(temporary, "wx+");
    await writeAll(pixels, headerOf(id));
    for await (const { image, decoded } of decodeInOrder(images, description)) {
      const { name, label } = image;
      if (decoded instanceof Error) {
        index.corrupt.push({ name, reason: decoded.message });
      } else {
        const { width, height } = decoded;
        await writeAll(pixels, decoded.pixels);
        index.images.push({ name, ...(label === undefined ? {} : { label }), width, height });
      }
      onProgress(index.images.length + index.corrupt.length, index.corrupt.length);
    }
    await pixels.sync();
    await rename(temporary, `${path}.bin`);
    await replaceFile(`${path}.json`, `${JSON.stringify(index, null, 1)}\n`);
    return { index, pixels };
  } catch (error) {
    if (pixels) {
      await pixels.close();
      await rm(temporary, { force: true });
    }
    throw asWriteFailure(error, `the image cache ${path}`, "Choose another cache folder.");
  }
}

/** Removes temporary files that killed runs left of this cache: those that were not written for ten minutes. */
export async function removeLeftovers(path: string): Promise<void> {
  const folder = dirname(path);
  for (const name of await readdir(folder).catch(() => [])) {
    if (!name.startsWith(`${basename(path)}.`) || !name.endsWith(".tmp")) continue;
    const written = (await stat(join(folder, name)).catch(() => undefined))?.mtimeMs ?? Date.now();
    if (Date.now() - written > 600_000) await rm(join(folder, name), { force: true });
  }
}

/** Bytes of one record. */
export function recordBytes({ width, height }: { width: number; height: number }): number {
  return width * height * 3;
}

function headerOf(id: string): Buffer {
  return Buffer.concat([MAGIC, Buffer.from(id, "hex")]);
}

async function readIndex(path: string): Promise<CacheIndex | undefined> {
  try {
    return indexSchema.safeParse(JSON.parse(await readFile(path, "utf8"))).data;
  } catch {
    return undefined; // there is none or it is not valid: the cache is built
  }
}

export interface Decoded {
  readonly image: SourceImage;
  readonly decoded: DecodedImage | Error;
}

/** Decodes a few images ahead on all cores and yields them in the order of the source. */
export async function* decodeInOrder(images: AsyncIterable<SourceImage>, shape: ImageShape): AsyncGenerator<Decoded> {
  const ahead = Math.max(8, 2 * availableParallelism());
  const pending: Promise<Decoded>[] = [];
  for await (const image of images) {
    pending.push(
      image.decode(shape).then(
        (decoded) => ({ image, decoded }),
        (error) => ({ image, decoded: error instanceof Error ? error : new Error(String(error)) }),
      ),
    );
    if (pending.length >= ahead) yield pending.shift()!;
  }
  yield* pending;
}

async function writeAll(file: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let written = 0; written < bytes.length; ) {
    written += (await file.write(bytes, written)).bytesWritten;
  }
}
