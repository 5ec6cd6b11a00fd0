// The data folder: SQLite, image files, copies of encoders, and hnswlib's snapshots. What is acknowledged is on disk here.
import { existsSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { Logger } from "pino";
import { AppError } from "../../core/errors.ts";
import { openBlobFolder } from "./files/blob-folder.ts";
import type { startIndexThread } from "./hnsw/thread.ts";
import { createHnswSearch } from "./hnsw/vector-search.ts";
import type { ApiKeys, Catalogue, Storage } from "./ports.ts";
import { openSqliteCatalogue } from "./sqlite/catalogue.ts";
import { DATABASE_FILE, lockDataFolder } from "./sqlite/database.ts";
import { removeUnusedBlobs } from "./unused-blobs.ts";

/** Options of {@link openStorage} for tests and the proof. */
export interface StorageOptions {
  /** What starts the thread of an index. */
  readonly startThread?: typeof startIndexThread | undefined;
  /** Puts something between the catalogue and everything that uses it, the indexes that follow it included. */
  readonly wrapCatalogue?: (catalogue: Catalogue) => Catalogue;
}

/**
 * Opens or creates a data folder for this process alone, and removes what a crash left half-written.
 *
 * @throws AppError `invalid_configuration` where another server uses it or a newer version wrote it.
 */
export async function openStorage(
  folder: string,
  logger: Logger,
  { startThread, wrapCatalogue = (catalogue) => catalogue }: StorageOptions = {},
): Promise<Storage> {
  await mkdir(folder, { recursive: true });
  const unlock = lockDataFolder(join(folder, "lock"));
  try {
    const sqlite = openSqliteCatalogue(join(folder, DATABASE_FILE));
    const catalogue = wrapCatalogue(sqlite.catalogue);
    const images = await openBlobFolder(join(folder, "files"), { sharded: true, ending: "" });
    await removeUnusedBlobs(images, async (sha256) => (await catalogue.contents.number(sha256)) !== undefined);
    const models = await openBlobFolder(join(folder, "models"), { sharded: false, ending: ".onnx" });
    await removeUnusedBlobs(models, async (sha256) => (await catalogue.generations.modelsInUse()).has(sha256));
    const vectors = createHnswSearch(join(folder, "index"), { catalogue, logger, startThread });
    await vectors.removeUnused(await catalogue.generations.unusedEncoders());
    return {
      catalogue,
      vectors,
      images,
      models,
      async close() {
        sqlite.close();
        unlock();
      },
    };
  } catch (error) {
    unlock();
    throw error;
  }
}

/**
 * The API keys of a data folder, which a server may be using meanwhile.
 *
 * @param options.create Makes the folder where there is none.
 * @throws AppError `invalid_configuration` where it is no data folder and none is to be made.
 */
export async function openApiKeys(
  folder: string,
  { create }: { create: boolean },
): Promise<{ keys: ApiKeys; close(): void | Promise<void> }> {
  if (!create && !existsSync(join(folder, DATABASE_FILE))) {
    throw new AppError(
      "invalid_configuration",
      `Expected the data folder of a server at ${folder} but it is none. Name it with --data.`,
    );
  }
  await mkdir(folder, { recursive: true });
  const { catalogue, close } = openSqliteCatalogue(join(folder, DATABASE_FILE));
  return { keys: catalogue.apiKeys, close };
}

/** The API keys of a database that servers may be using meanwhile. Errors as `openSharedStorage`. */
export async function openSharedApiKeys(url: string): Promise<{ keys: ApiKeys; close(): Promise<void> }> {
  const [{ openDatabase }, { createApiKeys }] = await Promise.all([
    import("./postgres/database.ts"),
    import("./postgres/api-keys.ts"),
  ]);
  const database = await openDatabase(url);
  return { keys: createApiKeys(database), close: () => database.close() };
}
