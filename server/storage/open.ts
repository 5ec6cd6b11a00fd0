// The data folder: SQLite, image files and copies of encoders. What is acknowledged is on disk here.
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { type ImageFiles, openImageFiles } from "./files/image-files.ts";
import { createModelFiles, type ModelFiles } from "./files/model-files.ts";
import { createSnapshotFiles, type SnapshotFiles } from "./hnsw/snapshot-files.ts";
import { type ApiKeys, createApiKeys } from "./sqlite/api-keys.ts";
import { DATABASE_FILE, lockDataFolder, openDatabase } from "./sqlite/database.ts";
import { createEmbeddingRecords, type EmbeddingRecords } from "./sqlite/embedding-records.ts";
import { createGenerationRecords, type GenerationRecords } from "./sqlite/generation-records.ts";
import { createImageRecords, type ImageRecords } from "./sqlite/image-records.ts";
import { createKeyedUploads, type KeyedUploads } from "./sqlite/keyed-uploads.ts";
import { createSwapRecords, type SwapRecords } from "./sqlite/swap-records.ts";
import { createWriteQueue, type Write } from "./sqlite/write-queue.ts";

/** The data folder, open. Records are read at any time and written inside {@link Write}. */
export interface Store {
  readonly images: ImageRecords;
  readonly embeddings: EmbeddingRecords;
  readonly generations: GenerationRecords;
  readonly swaps: SwapRecords;
  readonly apiKeys: ApiKeys;
  readonly keyedUploads: KeyedUploads;
  readonly files: ImageFiles;
  readonly models: ModelFiles;
  readonly snapshots: SnapshotFiles;
  readonly write: Write;
  /** Waits for nothing: end all writes first. */
  close(): void;
}

/**
 * Opens or creates a data folder for this process alone, and removes what a crash left half-written.
 *
 * @throws AppError `invalid_configuration` where another server uses it or a newer version wrote it.
 */
export async function openStore(folder: string): Promise<Store> {
  await mkdir(folder, { recursive: true });
  const unlock = lockDataFolder(join(folder, "lock"));
  try {
    const database = openDatabase(join(folder, DATABASE_FILE));
    const images = createImageRecords(database);
    const generations = createGenerationRecords(database);
    const files = await openImageFiles(join(folder, "files"));
    await files.sweep((sha256) => images.contentNumber(sha256) !== undefined);
    const models = createModelFiles(join(folder, "models"));
    await models.removeUnused(generations.modelsInUse);
    const snapshots = createSnapshotFiles(join(folder, "index"));
    await snapshots.removeUnused(generations.unusedEncoders());
    return {
      images,
      embeddings: createEmbeddingRecords(database),
      generations,
      swaps: createSwapRecords(database),
      apiKeys: createApiKeys(database),
      keyedUploads: createKeyedUploads(database),
      files,
      models,
      snapshots,
      write: createWriteQueue(database),
      close() {
        database.close();
        unlock();
      },
    };
  } catch (error) {
    unlock();
    throw error;
  }
}
