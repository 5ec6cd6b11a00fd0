// Blobs as files, named by the SHA-256 of their bytes. Files with other names are left alone.
import { mkdir, open, readdir, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { AppError, hasErrno } from "../../../core/errors.ts";
import { replaceFile, sync } from "../../../core/files.ts";
import { sha256, sha256InSteps, sha256OfStream } from "../../../core/hash.ts";
import type { Blobs } from "../ports.ts";
import { asStorageError } from "../storage-error.ts";

/** Files of up to this many bytes are read at once, and larger ones as they are sent. */
const SMALL_FILE = 256 * 1024;

/** Layout of the files. */
export interface BlobLayout {
  /** Puts each file into one of 256 folders, named by the first two digits: ab/abcd… */
  readonly sharded: boolean;
  /** Ending of the names, such as ".onnx". */
  readonly ending: string;
  /** Other servers write into it too: what is half-written may be theirs. @default false */
  readonly shared?: boolean;
}

/** A folder of blobs. */
export interface BlobFolder extends Blobs {
  /** The folder that {@link BlobFolder.setAside} moves files to. */
  readonly lostAndFound: string;
  /** Makes the folder and removes files that a crash left half-written. */
  prepare(): Promise<void>;
  /** Removes a blob but keeps its file in `lostAndFound`. */
  setAside(sha256: string): Promise<void>;
  /** Puts a blob back that was set aside and is whole. False where there is none. */
  takeBack(sha256: string): Promise<boolean>;
}

/** Makes the blobs of a folder. {@link BlobFolder.prepare} or the first blob creates it. */
export function createBlobFolder(folder: string, { sharded, ending, shared }: BlobLayout): BlobFolder {
  const lostAndFound = join(folder, "lost+found");
  const shardOf = (sha256: string) => (sharded ? sha256.slice(0, 2) : "");
  const nameOf = (sha256: string) => `${sha256}${ending}`;
  const pathOf = (sha256: string) => join(folder, shardOf(sha256), nameOf(sha256));
  const blobName = /^([0-9a-f]{64})(\.onnx)?$/;
  const halfWritten = /^[0-9a-f]{64}(\.onnx)?\.[0-9a-f]{12}\.tmp$/;

  /** The folders that there are; each is made with its first file. */
  const shards = async (): Promise<string[]> => {
    if (!sharded) return [""];
    const names = (await readdir(folder).catch(undefinedIfMissing)) ?? [];
    return names.filter((name) => /^[0-9a-f]{2}$/.test(name)).sort();
  };
  const write = async (sha256: string, bytes: Uint8Array) => {
    const made = await mkdir(join(folder, shardOf(sha256)), { recursive: true });
    if (made) await sync(folder);
    await replaceFile(pathOf(sha256), bytes);
  };

  const filesOf = async (shard: string): Promise<string[]> => {
    const entries = await readdir(join(folder, shard), { withFileTypes: true }).catch(undefinedIfMissing);
    return (entries ?? []).filter((entry) => entry.isFile()).map(({ name }) => name);
  };

  return {
    lostAndFound,
    async prepare() {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      for (const shard of shared ? [] : await shards()) {
        for (const name of await filesOf(shard)) if (halfWritten.test(name)) await rm(join(folder, shard, name));
      }
      await sync(folder);
    },
    async setAside(sha256) {
      await mkdir(lostAndFound, { recursive: true });
      await rename(pathOf(sha256), join(lostAndFound, nameOf(sha256)));
    },
    async takeBack(hash) {
      const bytes = await readFile(join(lostAndFound, nameOf(hash))).catch(undefinedIfMissing);
      if (!bytes || (await sha256InSteps(bytes)) !== hash) return false;
      await write(hash, bytes);
      return true;
    },
    async put(sha256, bytes) {
      try {
        await write(sha256, bytes);
      } catch (error) {
        throw asStorageError(error);
      }
    },
    async get(hash) {
      const bytes = await readFile(pathOf(hash)).catch((error) => undefinedIfMissing(asDamage(error, hash)));
      if (bytes) check(await sha256InSteps(bytes), hash);
      return bytes;
    },
    async open(hash) {
      const file = await open(pathOf(hash)).catch((error) => undefinedIfMissing(asDamage(error, hash)));
      if (!file) return undefined;
      try {
        if ((await file.stat()).size <= SMALL_FILE) {
          const bytes = await file.readFile();
          check(sha256(bytes), hash);
          await file.close();
          return Readable.from([bytes]);
        }
        // Read twice, so that nothing of a damaged file is ever sent on, and no large one is held in memory.
        check(await sha256OfStream(file.createReadStream({ start: 0, autoClose: false })), hash);
      } catch (error) {
        await file.close();
        throw asDamage(error, hash);
      }
      return file.createReadStream({ start: 0 });
    },
    remove: (sha256) => rm(pathOf(sha256), { force: true }),
    async *list() {
      for (const shard of await shards()) {
        for (const name of await filesOf(shard)) {
          const sha256 = blobName.exec(name)?.[1];
          if (sha256 && name === nameOf(sha256) && shard === shardOf(sha256)) yield sha256;
        }
      }
    },
  };
}

function check(found: string, expected: string): void {
  if (found !== expected) throw damaged(expected, `its bytes have the SHA-256 ${found}`);
}

/**
 * `error` as AppError `file_damaged` if the disk cannot read the file or it is a folder; else as {@link
 * asStorageError}.
 */
function asDamage(error: unknown, sha256: string): unknown {
  const isDamage = hasErrno(error, "EIO") || hasErrno(error, "EISDIR");
  return isDamage ? damaged(sha256, error.message, { cause: error }) : asStorageError(error);
}

const damaged = (sha256: string, why: string, options?: ErrorOptions) =>
  new AppError("file_damaged", `The stored file ${sha256} is damaged: ${why}. See: moco-search check`, options);

function undefinedIfMissing(error: unknown): undefined {
  if (!hasErrno(error, "ENOENT")) throw error;
}
