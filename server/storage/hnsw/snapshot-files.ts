// Snapshots of indexes: index/<encoder>-<SHA-256>.hnsw in the data folder. The name holds the checksum of what was
// written, so a file that is damaged, cut off or not ours shows itself. Snapshots only save time: the database is the
// truth.
import { createReadStream } from "node:fs";
import { mkdir, readdir, rename, rm } from "node:fs/promises";
import { basename, join } from "node:path";
import { sync, temporaryName } from "../../../core/files.ts";
import { sha256OfStream } from "../../../core/hash.ts";

/** The snapshots of one encoder's index. */
export interface Snapshots {
  /** Paths of the snapshots: usually one, or none. */
  list(): Promise<string[]>;
  /** @throws Error where the file is not the one that was written. */
  check(path: string): Promise<void>;
  /**
   * Replaces the snapshot; it is on disk when this returns.
   *
   * @param write Writes the new one to a path; where it fails the old one stays.
   */
  replace(write: (path: string) => Promise<unknown>): Promise<void>;
}

/** Names of snapshots and of half-written ones. Files with other names are left alone. */
const OURS = /^(\d+)-(?:[0-9a-f]{64}\.hnsw|\.[0-9a-f]{12}\.tmp)$/;

/** Opens the folder of snapshots; it is made with the first one. */
export function createSnapshotFiles(folder: string) {
  const namesOf = async (encoder: number): Promise<string[]> => {
    const names = await readdir(folder).catch(() => []);
    return names.filter((name) => OURS.exec(name)?.[1] === String(encoder));
  };
  const remove = async (names: readonly string[]) => {
    for (const name of names) await rm(join(folder, name), { force: true });
  };
  return {
    /** The snapshots of an encoder. */
    of: (encoder: number): Snapshots => ({
      async list() {
        const names = await namesOf(encoder);
        return names.filter((name) => name.endsWith(".hnsw")).map((name) => join(folder, name));
      },
      async check(path) {
        const sha256 = await sha256OfFile(path);
        if (basename(path) === `${encoder}-${sha256}.hnsw`) return;
        throw new Error(`Expected the file that was written but its SHA-256 is ${sha256}`);
      },
      async replace(write) {
        await mkdir(folder, { recursive: true, mode: 0o700 });
        const temporary = temporaryName(join(folder, `${encoder}-`));
        try {
          await write(temporary);
          await sync(temporary);
          const old = await namesOf(encoder);
          const name = `${encoder}-${await sha256OfFile(temporary)}.hnsw`;
          await rename(temporary, join(folder, name));
          await sync(folder);
          await remove(old.filter((other) => other !== name));
        } finally {
          await rm(temporary, { force: true });
        }
      },
    }),
    /** Removes one snapshot; its index is built anew. */
    remove: (path: string): Promise<void> => remove([basename(path)]),
    /** Removes the snapshots of encoders that nothing refers to any more. */
    async removeUnused(encoders: readonly number[]): Promise<void> {
      for (const encoder of encoders) await remove(await namesOf(encoder));
    },
  };
}

const sha256OfFile = (path: string) => sha256OfStream(createReadStream(path, { highWaterMark: 1024 * 1024 }));
