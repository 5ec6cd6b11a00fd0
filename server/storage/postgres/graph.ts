// The HNSW graph of an encoder's table, which is built beside reads and writes.
import { setTimeout as sleep } from "node:timers/promises";
import type { Database } from "./database.ts";

/** Links of a node, and candidates kept while it is added; pgvector's own defaults are 16 and 64. */
const OPTIONS = "m = 16, ef_construction = 128";
/** pgvector builds no graph over longer vectors of half precision; they are searched one by one. */
const MOST_DIMENSIONS = 4000;
/** Taken by the server that builds a graph, with the first half of a hash of the table's name. */
const BUILD_LOCK = 0x6d6f6372;
const LOOK_MS = 500;

/**
 * What the graph is built over, and a search that is to use it ordered by: half precision finds what float32 does, in
 * two thirds of the memory (docs/scale.md).
 */
export const inHalves = (vector: string, dimensions: number): string => `${vector}::halfvec(${dimensions})`;

/**
 * Builds the graph where there is none, or where a crash has left an unfinished one. Over all vectors at once it is
 * built many times faster than by adding each. A graph of float32, as earlier ones were, goes.
 */
export async function buildGraph(
  database: Database,
  { table, dimensions }: { table: string; dimensions: number },
): Promise<void> {
  if (dimensions > MOST_DIMENSIONS) return;
  const graph = `${table}_graph16`;
  const isBuilt = async () => {
    const rows = await database.query(
      "SELECT FROM pg_index WHERE indexrelid = to_regclass($1) AND indisvalid AND indisready",
      [graph],
    );
    return rows.length > 0;
  };
  while (!(await isBuilt())) {
    const connection = await database.connect({ patient: true });
    try {
      // Never waited for inside a statement: a concurrent build waits for every statement that began before it.
      const [lock] = await connection.query<{ taken: boolean }>(
        "SELECT pg_try_advisory_lock($1, hashtext($2)) AS taken",
        [BUILD_LOCK, table],
      );
      if (lock!.taken && !(await isBuilt())) {
        await connection.query(`DROP INDEX CONCURRENTLY IF EXISTS ${graph}`);
        await connection.query(
          `CREATE INDEX CONCURRENTLY ${graph} ON ${table}
           USING hnsw ((${inHalves("vector", dimensions)}) halfvec_ip_ops) WITH (${OPTIONS})`,
        );
        await connection.query(`DROP INDEX CONCURRENTLY IF EXISTS ${table}_graph`);
        return;
      }
    } finally {
      connection.release();
    }
    await sleep(LOOK_MS);
  }
}
