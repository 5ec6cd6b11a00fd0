// The images that training and evaluation read: decoded once, then read from disk by index, so that a collection may be
// larger than memory. The operating system's page cache keeps small ones in memory.
import { read as readCallback } from "node:fs";
import type { FileHandle } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { promisify } from "node:util";
import { defaultCacheFolder } from "../../core/cache-folder.ts";
import type { ImageShape } from "../../core/decode.ts";
import { AppError } from "../../core/errors.ts";
import { describeLeftOut, type LeftOut } from "../../core/find-images.ts";
import { sha256 } from "../../core/hash.ts";
import {
  buildCache,
  type CacheDescription,
  type CacheIndex,
  type CorruptImage,
  decodeInOrder,
  HEADER_BYTES,
  openCache,
  recordBytes,
  removeLeftovers,
} from "./image-cache.ts";
import { openSource } from "./open-source.ts";
import type { Source } from "./source.ts";

const readAt = promisify(readCallback);

/** A collection of images, all decoded to one size. */
export interface Dataset {
  /** Number of images without the corrupt ones. */
  readonly count: number;
  /** Width and height of a record in pixels; a record is `height × width × 3` RGB bytes. */
  readonly width: number;
  readonly height: number;
  /** Path of each image in its source; with several sources it begins with the source's name. */
  readonly names: readonly string[];
  /** Label of each image; undefined if any image has none. */
  readonly labels: readonly string[] | undefined;
  /** Width and height of each original in pixels. */
  readonly originalWidths: Uint32Array;
  readonly originalHeights: Uint32Array;
  /** Files that could not be decoded. */
  readonly corrupt: readonly CorruptImage[];
  /** Entries of folders that are not taken for images. */
  readonly leftOut: readonly LeftOut[];
  /** Fills `out` with the records at `indices`: bytes [indices.length, height, width, 3]. */
  read(indices: ArrayLike<number>, out: Uint8Array): Promise<void>;
  close(): Promise<void>;
}

/** Options of {@link openDataset}. */
export interface DatasetOptions {
  /** Where decoded images are kept. @default {@link defaultCacheFolder} */
  readonly cacheFolder?: string;
  /** Fewest images; with fewer, opening fails. @default 1 */
  readonly atLeast?: number;
  /**
   * Called after each decoded image, so not when images come from the cache. `done` counts the corrupt ones too;
   * `total` is undefined if a source is an archive or an idx file.
   */
  readonly onProgress?: (progress: { done: number; corrupt: number; total: number | undefined }) => void;
}

/**
 * Opens folders (searched recursively, hidden files left out), `.tar`, `.tar.gz` or `.tgz` archives, idx(.gz) files and
 * image files as one data set, in the order given. Images are decoded to `shape`, or read from the cache if the sources
 * have not changed. The label of an image is the name of its folder, or the one that an idx labels file has.
 *
 * @throws AppError `invalid_dataset` where a source is none of these, or fewer than `atLeast` images can be decoded;
 *   `storage_full` or `invalid_configuration` where the cache cannot be written.
 */
export async function openDataset(
  paths: readonly string[],
  shape: ImageShape,
  { cacheFolder = defaultCacheFolder(), atLeast = 1, onProgress }: DatasetOptions = {},
): Promise<Dataset> {
  const absolute = paths.map((path) => resolve(path));
  const sources = absolute.map((path) => openSource(path, { named: paths.length > 1 }));
  const description: CacheDescription = {
    width: shape.width,
    height: shape.height,
    fit: shape.fit,
    sources: absolute,
    fingerprint: sha256(JSON.stringify(sources.map((source) => source.fingerprint))),
  };
  const cachePath = join(cacheFolder, cacheName(description));
  await removeLeftovers(cachePath);
  const total = totalOf(sources);
  const { index, pixels } =
    (await openCache(cachePath, description)) ??
    (await buildCache(cachePath, description, imagesOf(sources), (done, corrupt) =>
      onProgress?.({ done, corrupt, total }),
    ));
  const dataset = asDataset(
    index,
    pixels,
    sources.flatMap(({ leftOut = [] }) => leftOut),
  );
  if (dataset.count < atLeast || dataset.count === 0) {
    await dataset.close();
    throw tooFewImages(absolute, dataset, Math.max(atLeast, 1));
  }
  return dataset;
}

function asDataset(index: CacheIndex, pixels: FileHandle, leftOut: readonly LeftOut[]): Dataset {
  const { images, corrupt, width, height } = index;
  const length = recordBytes(index);
  const labels = images.flatMap((image) => image.label ?? []);
  return {
    count: images.length,
    width,
    height,
    names: images.map((image) => image.name),
    labels: labels.length === images.length ? labels : undefined,
    originalWidths: Uint32Array.from(images, (image) => image.width),
    originalHeights: Uint32Array.from(images, (image) => image.height),
    corrupt,
    leftOut,
    async read(indices, out) {
      if (out.length !== indices.length * length) {
        throw new RangeError(
          `Expected room for ${indices.length} images of ${length} bytes but received ${out.length}`,
        );
      }
      const reads: Promise<void>[] = [];
      for (let from = 0, to = 0; from < indices.length; from = to) {
        to = from + 1;
        while (to < indices.length && indices[to] === indices[to - 1]! + 1) to++; // consecutive images in one read
        if (!(indices[from]! >= 0 && indices[to - 1]! < images.length)) {
          throw new RangeError(
            `Expected indices below ${images.length} but received ${indices[from]} to ${indices[to - 1]}`,
          );
        }
        reads.push(
          readFully(pixels.fd, out.subarray(from * length, to * length), HEADER_BYTES + indices[from]! * length),
        );
      }
      await Promise.all(reads);
    },
    close: () => pixels.close(),
  };
}

async function readFully(file: number, out: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < out.length; ) {
    const { bytesRead } = await readAt(file, out, done, out.length - done, position + done);
    if (bytesRead === 0) throw new Error("The image cache was cut short while it was read. Start again.");
    done += bytesRead;
  }
}

/**
 * Decodes the images at `paths` to `shape`, in the order of their data set and without those that cannot be decoded.
 * Nothing is cached.
 */
export async function* decodeEach(
  paths: readonly string[],
  shape: ImageShape,
): AsyncGenerator<{ readonly name: string; readonly pixels: Uint8Array }> {
  const sources = paths.map((path) => openSource(path, { named: paths.length > 1 }));
  for await (const { image, decoded } of decodeInOrder(imagesOf(sources), shape)) {
    if (!(decoded instanceof Error)) yield { name: image.name, pixels: decoded.pixels };
  }
}

async function* imagesOf(sources: readonly Source[]) {
  for (const source of sources) yield* source.images();
}

function totalOf(sources: readonly Source[]): number | undefined {
  let total = 0;
  for (const { count } of sources) {
    if (count === undefined) return undefined;
    total += count;
  }
  return total;
}

// One cache for each list of sources and size: when the images change, the new cache replaces the old one.
function cacheName({ sources, width, height, fit }: CacheDescription): string {
  const name = basename(sources[0] ?? "").replaceAll(/[^A-Za-z0-9._-]/g, "_");
  return `${name.slice(0, 40)}-${width}x${height}-${sha256(JSON.stringify([sources, width, height, fit])).slice(0, 12)}`;
}

function tooFewImages(paths: readonly string[], { count, corrupt, leftOut }: Dataset, atLeast: number): AppError {
  const expected = `Expected at least ${atLeast} image${atLeast > 1 ? "s" : ""} (JPEG, PNG, WebP, AVIF, TIFF or GIF) in ${paths.join(", ")}`;
  const [first] = corrupt;
  const found = `but there ${count === 1 ? "is one" : `are ${count === 0 ? "none" : count}`}`;
  const skipped = first ? ` and ${corrupt.length} that cannot be decoded, such as ${first.name}: ${first.reason}` : "";
  return new AppError(
    "invalid_dataset",
    `${expected} ${found}${skipped.replace(/\.$/, "")}${leftOut.length ? `; ${describeLeftOut(leftOut)}` : ""}. Add images or name another folder.`,
  );
}
