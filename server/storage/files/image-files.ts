// Image files, named by the SHA-256 of their bytes: files/ab/abcd…
import { mkdir, open, readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { replaceFile, sync } from "../../../core/files.ts";
import { asStorageError } from "../storage-error.ts";

/** The stored bytes of images. */
export interface ImageFiles {
  /**
   * Stores bytes; they are on disk when this returns. Storing the same bytes again is harmless.
   *
   * @throws AppError `storage_full`; nothing is left behind.
   */
  put(sha256: string, bytes: Uint8Array): Promise<void>;
  read(sha256: string): Promise<Buffer>;
  /** The bytes as a stream; rejects where there is no such file. */
  open(sha256: string): Promise<Readable>;
  /** Where the bytes are, for another process to read. */
  path(sha256: string): string;
  remove(sha256: string): Promise<void>;
  /** Removes what a crash left: temporary files, and files for which `isKnown` is false. Returns how many. */
  sweep(isKnown: (sha256: string) => boolean): Promise<number>;
}

/** Opens or creates a folder of image files. */
export async function openImageFiles(folder: string): Promise<ImageFiles> {
  const shards = Array.from({ length: 256 }, (_, i) => i.toString(16).padStart(2, "0"));
  for (const shard of shards) await mkdir(join(folder, shard), { recursive: true });
  await sync(folder);
  const pathOf = (sha256: string) => join(folder, sha256.slice(0, 2), sha256);

  return {
    async put(sha256, bytes) {
      try {
        await replaceFile(pathOf(sha256), bytes);
      } catch (error) {
        throw asStorageError(error);
      }
    },
    path: pathOf,
    read: (sha256) => readFile(pathOf(sha256)),
    open: async (sha256) => (await open(pathOf(sha256))).createReadStream(),
    remove: (sha256) => rm(pathOf(sha256), { force: true }),
    async sweep(isKnown) {
      let removed = 0;
      for (const shard of shards) {
        for (const name of await readdir(join(folder, shard))) {
          if (isKnown(name)) continue;
          await rm(join(folder, shard, name), { force: true });
          removed++;
        }
      }
      return removed;
    },
  };
}
