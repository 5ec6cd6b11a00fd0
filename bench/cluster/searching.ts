// The same synthetic embeddings searched over HTTP in a data folder and in PostgreSQL, in turn.
import { join } from "node:path";
import { pino } from "pino";
import { readModel } from "../../core/model-folder.ts";
import { openSharedStorage } from "../../server/storage/open-shared.ts";
import { type ServerProcess, startServerProcess } from "../../support/server-process.ts";
import { fillStorage, syntheticEmbeddings, writeSyntheticData } from "../../support/synthetic.ts";
import { type Fired, fire } from "../serve/load.ts";
import { recallOverHttp } from "../serve/searching.ts";

const K = 10;
const QUERIES = 200;

interface Search {
  readonly http: Fired;
  /** Against exact search, 0..1. */
  readonly recallAt10: number;
  /** From the start of the process until it can search; it has built the graph. */
  readonly startSeconds: number;
}

export interface SearchesReport {
  readonly embedded: Search;
  readonly postgres: Search;
}

/** Measures `images` embeddings of 128 dimensions. */
export async function measureBothSearches(
  { folder, database, files }: { folder: string; database: string; files: string },
  images: number,
  load: { connections: number; seconds: number },
): Promise<SearchesReport> {
  await writeSyntheticData(folder, images);
  const storage = await openSharedStorage({ database, files }, pino({ level: "silent" }));
  await fillStorage(storage, await readModel(join(folder, "models"), "default"), images);
  await storage.close();

  const vectors = [...syntheticEmbeddings(images, 1)];
  const queries = [...syntheticEmbeddings(QUERIES, 2)];
  const bodies = queries.map((query) => JSON.stringify({ vector: Array.from(query), k: K }));
  const shots = bodies.map((body) => ({ path: "/v1/search", type: "application/json", body }));

  const started: Array<{ server: ServerProcess; startSeconds: number }> = [];
  try {
    for (const flags of [[], ["--database", database, "--files", files, "--data", join(folder, "data-2")]]) {
      const began = performance.now();
      const server = await startServerProcess(folder, ["--threads", "1", ...flags]);
      started.push({ server, startSeconds: (performance.now() - began) / 1000 });
    }
    const measured: Search[] = [];
    for (const { server, startSeconds } of started) {
      const recallAt10 = await recallOverHttp(server.url, bodies, queries, vectors);
      await fire(server.url, shots, { ...load, seconds: 1 });
      measured.push({ http: await fire(server.url, shots, load), recallAt10, startSeconds });
    }
    const [embedded, postgres] = measured as [Search, Search];
    return { embedded, postgres };
  } finally {
    for (const { server } of started) await server.stop();
  }
}
