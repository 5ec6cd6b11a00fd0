// The storages that the contracts are checked on.
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pino } from "pino";
import { openStorage } from "../../../../server/storage/open.ts";
import type { Storage } from "../../../../server/storage/ports.ts";
import { createMemoryStorage } from "../../../../support/memory-storage/index.ts";
import { temporaryFolder } from "../../../../support/temporary-folder.ts";

/** A storage under test. */
export interface OpenedStorage {
  readonly storage: Storage;
  /** Changes the stored bytes of a blob behind the storage's back. */
  damage(which: "images" | "models", sha256: string, bytes: Uint8Array): Promise<void>;
  /** Leaves nothing behind. */
  close(): Promise<void>;
}

/** Opens an empty storage. */
export type OpenEmpty = () => Promise<OpenedStorage>;

/** Every implementation, by name. */
export const STORAGES: Readonly<Record<string, OpenEmpty>> = {
  "SQLite, files and hnswlib": async () => {
    const { folder, remove } = await temporaryFolder();
    const storage = await openStorage(folder, pino({ level: "silent" }));
    return {
      storage,
      async damage(which, sha256, bytes) {
        const path = which === "images" ? ["files", sha256.slice(0, 2), sha256] : ["models", `${sha256}.onnx`];
        await writeFile(join(folder, ...path), bytes);
      },
      async close() {
        await storage.close();
        await remove();
      },
    };
  },
  memory: async () => {
    const storage = createMemoryStorage();
    return {
      storage,
      damage: (which, sha256, bytes) => storage[which].put(sha256, bytes),
      close: () => storage.close(),
    };
  },
};

/** All that an iterator of batches gives. */
export async function collect<T>(batches: AsyncIterable<readonly T[]>): Promise<T[]> {
  const all: T[] = [];
  for await (const batch of batches) all.push(...batch);
  return all;
}
