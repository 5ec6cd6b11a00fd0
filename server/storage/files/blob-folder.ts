// Blobs as files, named by the SHA-256 of their bytes.
import { mkdir, open, readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { hasErrno } from "../../../core/errors.ts";
import { replaceFile, sync } from "../../../core/files.ts";
import type { Blobs } from "../ports.ts";
import { asStorageError } from "../storage-error.ts";

/** How files are laid out. */
export interface BlobLayout {
  /** Puts each file into one of 256 folders, named by the first two digits: ab/abcd… */
  readonly sharded: boolean;
  /** Ending of the names, such as ".onnx". */
  readonly ending: string;
  /** Other servers write into it too: what is half-written may be theirs. @default false */
  readonly shared?: boolean;
}

/** Opens or creates a folder of blobs, and removes what a crash left half-written. */
export async function openBlobFolder(folder: string, { sharded, ending, shared }: BlobLayout): Promise<Blobs> {
  const shards = sharded ? Array.from({ length: 256 }, (_, i) => i.toString(16).padStart(2, "0")) : [""];
  const folders = shards.map((shard) => join(folder, shard));
  for (const one of folders) await mkdir(one, { recursive: true });
  await sync(folder);
  const pathOf = (sha256: string) => join(folder, sharded ? sha256.slice(0, 2) : "", `${sha256}${ending}`);
  const isBlob = (name: string) => name.length === 64 + ending.length && name.endsWith(ending);

  for (const one of shared ? [] : folders) {
    for (const name of await readdir(one)) if (!isBlob(name)) await rm(join(one, name), { force: true });
  }

  return {
    async put(sha256, bytes) {
      try {
        await replaceFile(pathOf(sha256), bytes);
      } catch (error) {
        throw asStorageError(error);
      }
    },
    get: (sha256) => readFile(pathOf(sha256)).catch(undefinedIfMissing),
    async open(sha256) {
      const file = await open(pathOf(sha256)).catch(undefinedIfMissing);
      return file?.createReadStream();
    },
    remove: (sha256) => rm(pathOf(sha256), { force: true }),
    async *list() {
      for (const one of folders) {
        for (const name of await readdir(one)) if (isBlob(name)) yield name.slice(0, 64);
      }
    },
  };
}

function undefinedIfMissing(error: unknown): undefined {
  if (!hasErrno(error, "ENOENT")) throw error;
}
