// The data folder: SQLite, image files and copies of encoders. What is acknowledged is on disk here.
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { type ApiKeys, createApiKeys } from "./api-keys.ts";
import { DATABASE_FILE, lockDataFolder, openDatabase } from "./database.ts";
import { createEmbeddingRecords, type EmbeddingRecords } from "./embedding-records.ts";
import { createGenerationRecords, type GenerationRecords } from "./generation-records.ts";
import { type ImageFiles, openImageFiles } from "./image-files.ts";
import { createImageRecords, type ImageRecords } from "./image-records.ts";
import { createKeyedUploads, type KeyedUploads } from "./keyed-uploads.ts";
import { createModelFiles, type ModelFiles } from "./model-files.ts";
import { createSnapshotFiles, type SnapshotFiles } from "./snapshot-files.ts";
import { createSwapRecords, type SwapRecords } from "./swap-records.ts";
import { createWriteQueue, type Write } from "./write-queue.ts";

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
