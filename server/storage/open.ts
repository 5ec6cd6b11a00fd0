// Opens a data folder: SQLite, image files, copies of encoders, and hnswlib's snapshots.
import { join } from "node:path";
import type { Logger } from "pino";
import { checkIsDataFolder, DATABASE_FILE, encoderFiles, imageFiles, makeDataFolder } from "./data-folder.ts";
import type { BlobFolder } from "./files/blob-folder.ts";
import { asFolderFailure } from "./folder-failure.ts";
import type { startIndexThread } from "./hnsw/thread.ts";
import { createHnswSearch } from "./hnsw/vector-search.ts";
import type { ApiKeys, Blobs, Catalogue, Storage } from "./ports.ts";
import { createReserve, type Reserve } from "./reserve.ts";
import { openSqliteCatalogue } from "./sqlite/catalogue.ts";
import { lockDataFolder } from "./sqlite/database.ts";

/** Options of {@link openStorage} for tests and the proof. */
export interface StorageOptions {
  /** What starts the thread of an index. */
  readonly startThread?: typeof startIndexThread | undefined;
  /** Wraps the catalogue for all that uses it, the indexes that follow it included. */
  readonly wrapCatalogue?: (catalogue: Catalogue) => Catalogue;
}

/**
 * Opens or creates a data folder for this process alone. What a crash left half-written is removed; files that the
 * database does not know are set aside.
 *
 * @throws AppError `invalid_configuration` where another server uses it, a newer version wrote it, or it is no data
 *   folder and holds files.
 */
export async function openStorage(
  folder: string,
  logger: Logger,
  { startThread, wrapCatalogue = (catalogue) => catalogue }: StorageOptions = {},
): Promise<Storage> {
  await makeDataFolder(folder);
  let unlock = () => {};
  try {
    unlock = lockDataFolder(folder);
    const reserve = createReserve(folder);
    const sqlite = await reserve.spend(async () => openSqliteCatalogue(join(folder, DATABASE_FILE)));
    const catalogue = wrapCatalogue(withReserve(sqlite.catalogue, reserve));
    const images = imageFiles(folder);
    const models = encoderFiles(folder);
    const used = await catalogue.generations.modelsInUse();
    await reserve.spend(async () => {
      await images.prepare();
      await models.prepare();
      await setUnknownAside(images, async (sha256) => (await catalogue.contents.number(sha256)) !== undefined, logger);
      await setUnknownAside(models, async (sha256) => used.has(sha256), logger);
    });
    const vectors = createHnswSearch(join(folder, "index"), { catalogue, logger, startThread });
    await vectors.removeUnused(await catalogue.generations.unusedEncoders());
    return {
      catalogue,
      vectors,
      images: keepingReserve(images, reserve),
      models: keepingReserve(models, reserve),
      async close() {
        sqlite.close();
        unlock();
      },
    };
  } catch (error) {
    unlock();
    throw asFolderFailure(error, folder);
  }
}

/** A catalogue whose commits that free room succeed on a full disk. */
function withReserve(catalogue: Catalogue, { spend }: Reserve): Catalogue {
  const { images, embeddings, swaps } = catalogue;
  return {
    ...catalogue,
    images: { ...images, remove: (id) => spend(() => images.remove(id)) },
    embeddings: { ...embeddings, forgetUnused: (limit) => spend(() => embeddings.forgetUnused(limit)) },
    swaps: { ...swaps, end: (...swap) => spend(() => swaps.end(...swap)) },
  };
}

/** Blobs that take nothing of the reserve's room. */
function keepingReserve(blobs: Blobs, { keep }: Reserve): Blobs {
  return {
    ...blobs,
    async put(sha256, bytes) {
      await keep();
      await blobs.put(sha256, bytes);
    },
  };
}

/**
 * Sets the blobs aside that the database does not know: a crash left them, or the database is not the one of these
 * files.
 */
async function setUnknownAside(
  blobs: BlobFolder,
  isKnown: (sha256: string) => Promise<boolean>,
  logger: Logger,
): Promise<void> {
  let count = 0;
  for await (const sha256 of blobs.list()) {
    if (await isKnown(sha256)) continue;
    await blobs.setAside(sha256);
    count++;
  }
  if (count === 0) return;
  logger.warn({ count, folder: blobs.lostAndFound }, "files that the database does not know were set aside");
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
  if (create) await makeDataFolder(folder);
  else checkIsDataFolder(folder);
  try {
    const { spend } = createReserve(folder);
    const { catalogue, close } = await spend(async () => openSqliteCatalogue(join(folder, DATABASE_FILE)));
    const { apiKeys } = catalogue;
    return { keys: { ...apiKeys, revoke: (id) => spend(() => apiKeys.revoke(id)) }, close };
  } catch (error) {
    throw asFolderFailure(error, folder);
  }
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
