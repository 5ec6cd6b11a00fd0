// The catalogue in SQLite.
import type { Catalogue } from "../ports.ts";
import { createApiKeys } from "./api-keys.ts";
import { createCommitQueue } from "./commit-queue.ts";
import { createContents } from "./contents.ts";
import { openDatabase } from "./database.ts";
import { createEmbeddingRows, createEmbeddings } from "./embeddings.ts";
import { createGenerationCatalogue, createGenerationRows } from "./generations.ts";
import { createImages } from "./images.ts";
import { createSwapCatalogue } from "./swaps.ts";

/** Opens or creates the database file at `path`. Errors as {@link openDatabase}. */
export function openSqliteCatalogue(path: string): { catalogue: Catalogue; close(): void } {
  const database = openDatabase(path);
  const queue = createCommitQueue(database);
  const rows = { embeddings: createEmbeddingRows(database), generations: createGenerationRows(database) };
  return {
    catalogue: {
      images: createImages(database, queue, rows),
      contents: createContents(database),
      embeddings: createEmbeddings(database, queue, { rows: rows.embeddings, generations: rows.generations }),
      generations: createGenerationCatalogue(rows.generations, queue),
      swaps: createSwapCatalogue(database, queue, rows),
      apiKeys: createApiKeys(database),
      follow: async (listener) => queue.follow(listener),
    },
    close: () => void database.close(),
  };
}
