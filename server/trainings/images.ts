// The images of a training: files, as the command line takes no others. They are copies, since storage hands out bytes
// and never a path.
import { createWriteStream } from "node:fs";
import { mkdir, open } from "node:fs/promises";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline/promises";
import { pipeline } from "node:stream/promises";
import pMap from "p-map";
import { AppError, hasCode } from "../../core/errors.ts";
import { sha256 } from "../../core/hash.ts";
import { EXTENSIONS } from "../../core/image-type.ts";
import type { Metadata } from "../domain/image.ts";
import type { Blobs, Catalogue } from "../storage/ports.ts";
import type { Reserve } from "../storage/reserve.ts";
import { asStorageError } from "../storage/storage-error.ts";

/** Where images come from, and what ends the writing. */
export interface ImageSource {
  readonly catalogue: Catalogue;
  readonly blobs: Blobs;
  readonly reserve: Reserve;
  readonly signal: AbortSignal;
}

/** Where images are written to. */
export interface ImageFolder {
  /** The folder of the images. */
  readonly images: string;
  /** Their names in it, one a line: a training that is resumed needs the same ones. */
  readonly list: string;
}

const BATCH = 100;
/** Files written at a time. */
const LANES = 4;
/** Bytes of a folder's name. */
const MAX_NAME = 200;

/**
 * Writes every distinct stored image to `<label>/<sha256>.<ending>`, without those whose stored files are missing or
 * damaged.
 *
 * @returns How many there are.
 * @throws AppError `storage_full`; what was written stays.
 */
export async function writeImages({ images, list }: ImageFolder, source: ImageSource): Promise<number> {
  let count = 0;
  await mkdir(images, { recursive: true });
  const names = await open(list, "w").catch(rethrow);
  try {
    for await (const batch of source.catalogue.images.list({ order: "oldest", batch: BATCH })) {
      const distinct = batch.flatMap(({ image }) => (image.duplicateOf === undefined ? [image] : []));
      const written = await inLanes(distinct, async ({ sha256, type, metadata }) => {
        const name = `${labelFolder(metadata)}/${sha256}${EXTENSIONS[type][0]}`;
        return (await write(join(images, name), sha256, source)) ? `${name}\n` : "";
      });
      count += written.filter((name) => name !== "").length;
      await names.appendFile(written.join(""));
    }
    await names.sync();
    return count;
  } catch (error) {
    return rethrow(error);
  } finally {
    await names.close();
  }
}

/**
 * Writes the images again that a training began with.
 *
 * @throws AppError `invalid_dataset` where one of them is not stored any more; as {@link writeImages}.
 */
export async function writeAgain({ images, list }: ImageFolder, source: ImageSource): Promise<number> {
  let count = 0;
  const names = await open(list);
  try {
    let batch: string[] = [];
    const flush = async () => {
      await inLanes(batch, async (name) => {
        const [, sha256 = ""] = /\/([0-9a-f]{64})\.\w+$/.exec(name) ?? [];
        if (!(await write(join(images, name), sha256, source))) throw gone(name);
      });
      count += batch.length;
      batch = [];
    };
    for await (const name of createInterface({ input: names.createReadStream({ autoClose: false }) })) {
      if (batch.push(name) === BATCH) await flush();
    }
    await flush();
    return count;
  } catch (error) {
    return rethrow(error);
  } finally {
    await names.close();
  }
}

/** False where the stored file is missing or damaged. */
async function write(path: string, sha256: string, { blobs, reserve, signal }: ImageSource): Promise<boolean> {
  signal.throwIfAborted();
  const bytes = await blobs.open(sha256).catch((error) => {
    if (!hasCode(error, "file_damaged")) throw error;
  });
  if (!bytes) return false;
  await reserve.keep().catch((error) => {
    bytes.destroy();
    throw error;
  });
  await mkdir(dirname(path), { recursive: true });
  await pipeline(bytes, createWriteStream(path), { signal });
  return true;
}

/** Waits for all of them, also where one fails, so that nothing is written any more when it rejects. */
async function inLanes<T, R>(items: readonly T[], action: (item: T) => Promise<R>): Promise<R[]> {
  try {
    return await pMap(items, action, { concurrency: LANES, stopOnError: false });
  } catch (error) {
    throw error instanceof AggregateError ? error.errors[0] : error;
  }
}

function rethrow(error: unknown): never {
  throw asStorageError(error);
}

const gone = (name: string) =>
  new AppError(
    "invalid_dataset",
    `Expected the images that the training began with, but ${name} is not stored any more. Start a new training; it may begin from a trained model.`,
  );

/** The folder of an image: its label as a name that every file system takes. Different labels stay different. */
export function labelFolder({ label }: Metadata): string {
  if (!["string", "number", "boolean"].includes(typeof label) || label === "") return "unlabelled";
  const text = String(label);
  const name = text.replaceAll(/[^\p{L}\p{N} _.-]|^\.|[ .]$/gu, (sign) => `%${sign.codePointAt(0)!.toString(16)}`);
  if (Buffer.byteLength(name) <= MAX_NAME) return name;
  return `${[...name].slice(0, 40).join("")}-${sha256(text).slice(0, 16)}`;
}
