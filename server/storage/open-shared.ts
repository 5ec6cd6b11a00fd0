// A storage that several servers share: PostgreSQL, and an S3-compatible store or a disk that all of them have.
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Logger } from "pino";
import { AppError } from "../../core/errors.ts";
import { createBlobFolder } from "./files/blob-folder.ts";
import type { Blobs, Storage } from "./ports.ts";
import { createBlobRemoval } from "./postgres/blob-removal.ts";
import { createPostgresCatalogue } from "./postgres/catalogue.ts";
import { type Database, openDatabase } from "./postgres/database.ts";
import { createServers } from "./postgres/servers.ts";
import { createPgvectorSearch } from "./postgres/vector-search.ts";
import { openBucket } from "./s3/bucket.ts";

/** Options of {@link openSharedStorage} for tests and the proof. */
export interface SharedStorageOptions {
  /** Wraps the database for all that uses it. */
  readonly wrapDatabase?: (database: Database) => Database;
}

/**
 * Opens a shared storage, and makes its tables where there are none.
 *
 * @param options.files s3://bucket/prefix, or file:/path.
 * @throws AppError `invalid_configuration` that says what to mend; nothing half-made is left.
 */
export async function openSharedStorage(
  { database: url, files }: { readonly database: string; readonly files: string },
  logger: Logger,
  { wrapDatabase = (database) => database }: SharedStorageOptions = {},
): Promise<Storage> {
  const store = await openFiles(files);
  try {
    const database = wrapDatabase(await openDatabase(url));
    const removal = createBlobRemoval(database, store.images, logger);
    const reign = {};
    const servers = createServers(database, reign);
    return {
      catalogue: createPostgresCatalogue(database, reign),
      servers,
      vectors: createPgvectorSearch(database),
      images: removal.blobs,
      models: store.models,
      async close() {
        servers.close();
        await removal.close();
        await database.close();
        store.close();
      },
    };
  } catch (error) {
    store.close();
    throw error;
  }
}

/** Opens a file store: s3://bucket/prefix or file:/path. */
export async function openFiles(files: string): Promise<{ images: Blobs; models: Blobs; close(): void }> {
  if (files.startsWith("s3:")) {
    const bucket = await openBucket(files);
    return { images: bucket.blobs("files"), models: bucket.blobs("models"), close: bucket.close };
  }
  const folder = files.startsWith("file://") ? fileURLToPath(files) : files.replace(/^file:/, "");
  try {
    const images = createBlobFolder(join(folder, "files"), { sharded: true, ending: "", shared: true });
    const models = createBlobFolder(join(folder, "models"), { sharded: false, ending: ".onnx", shared: true });
    await images.prepare();
    await models.prepare();
    return { images, models, close() {} };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new AppError("invalid_configuration", `The folder of the files cannot be used: ${why}.`, { cause: error });
  }
}
