// When files are removed that several servers share. At once would be too early: another server may just be adding an
// image of the same bytes, whose file it has found or has put already. So a file goes an hour after it may have been
// used last.
//
// The row of a file is written before its bytes are put, and when its last image has gone. Who removes the file holds
// the row meanwhile, so that putting it again waits and then writes it anew.
import type { Logger } from "pino";
import type { Blobs } from "../ports.ts";
import type { Database } from "./database.ts";

/** Longer than any upload is under way. */
const GRACE = "1 hour";
const EVERY_MS = 60_000;
/** Files of one transaction. */
const BATCH = 100;

/** {@link removeUnused} now and then. */
export interface BlobRemoval {
  readonly blobs: Blobs;
  /** Removes files that have had no image for so long; several servers share the work. @returns how many */
  removeUnused(grace?: string): Promise<number>;
  close(): Promise<void>;
}

/** Makes blobs of `blobs` whose removal waits. */
export function createBlobRemoval(database: Database, blobs: Blobs, logger: Logger): BlobRemoval {
  const note = (sha256: string) =>
    database.query(
      `INSERT INTO unused_blobs VALUES ($1, now()) ON CONFLICT (sha256) DO UPDATE SET since = excluded.since`,
      [sha256],
    );

  const removeSome = (grace: string): Promise<{ seen: number; removed: number }> =>
    database.transaction(async (query) => {
      // The rows must stay held while a slow store removes files.
      await query("SET LOCAL idle_in_transaction_session_timeout = '5min'");
      const rows = await query<{ sha256: string; used: boolean }>(
        `SELECT sha256, EXISTS (SELECT 1 FROM contents c WHERE c.sha256 = u.sha256) AS used
         FROM unused_blobs u WHERE since < now() - $1::interval LIMIT ${BATCH} FOR UPDATE SKIP LOCKED`,
        [grace],
      );
      const unused = rows.filter(({ used }) => !used);
      for (const { sha256 } of unused) await blobs.remove(sha256);
      await query("DELETE FROM unused_blobs WHERE sha256 = ANY($1)", [rows.map(({ sha256 }) => sha256)]);
      return { seen: rows.length, removed: unused.length };
    });

  const removeUnused = async (grace = GRACE): Promise<number> => {
    let all = 0;
    for (;;) {
      const { seen, removed } = await removeSome(grace);
      all += removed;
      if (seen < BATCH) return all;
    }
  };

  let removing: Promise<unknown> = Promise.resolve();
  const timer = setInterval(() => {
    removing = removeUnused().catch((error) => logger.warn({ err: error }, "unused files could not be removed"));
  }, EVERY_MS);
  timer.unref();

  return {
    blobs: {
      ...blobs,
      async put(sha256, bytes) {
        await note(sha256);
        await blobs.put(sha256, bytes);
      },
      remove: async (sha256) => void (await note(sha256)),
    },
    removeUnused,
    async close() {
      clearInterval(timer);
      await removing;
    },
  };
}
