// The storages that the contracts are checked on.
import { pino } from "pino";
import { openStorage } from "../../../../server/storage/open.ts";
import type { Storage } from "../../../../server/storage/ports.ts";
import { createMemoryStorage } from "../../../../support/memory-storage/index.ts";
import { temporaryFolder } from "../../../../support/temporary-folder.ts";

/** Opens an empty storage; `close` leaves nothing behind. */
export type OpenEmpty = () => Promise<{ storage: Storage; close(): Promise<void> }>;

/** Every implementation, by name. */
export const STORAGES: Readonly<Record<string, OpenEmpty>> = {
  "SQLite, files and hnswlib": async () => {
    const { folder, remove } = await temporaryFolder();
    const storage = await openStorage(folder, pino({ level: "silent" }));
    return {
      storage,
      async close() {
        await storage.close();
        await remove();
      },
    };
  },
  memory: async () => {
    const storage = createMemoryStorage();
    return { storage, close: () => storage.close() };
  },
};

/** All that an iterator of batches gives. */
export async function collect<T>(batches: AsyncIterable<readonly T[]>): Promise<T[]> {
  const all: T[] = [];
  for await (const batch of batches) all.push(...batch);
  return all;
}
