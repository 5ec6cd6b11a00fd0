// The catalogue in PostgreSQL.
import type { Catalogue } from "../ports.ts";
import { createApiKeys } from "./api-keys.ts";
import { createChanges } from "./changes.ts";
import { createCommit } from "./commit.ts";
import { createContents } from "./contents.ts";
import type { Database } from "./database.ts";
import { createEmbeddings } from "./embeddings.ts";
import { createGenerationCatalogue } from "./generations.ts";
import { createImages } from "./images.ts";
import type { Reign } from "./reign.ts";
import { createSwapCatalogue } from "./swaps.ts";

/** Makes the catalogue of a database; `reign` is this server's right to commit about swaps. */
export function createPostgresCatalogue(database: Database, reign: Reign = {}): Catalogue {
  const changes = createChanges(database);
  const commit = createCommit(database, changes);
  return {
    images: createImages(database, commit),
    contents: createContents(database),
    embeddings: createEmbeddings(database, commit),
    generations: createGenerationCatalogue(database),
    swaps: createSwapCatalogue(database, reign),
    apiKeys: createApiKeys(database),
    follow: changes.follow,
  };
}
