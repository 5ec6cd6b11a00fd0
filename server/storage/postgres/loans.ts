// Shares the work of a backfill: each batch of contents is lent to one server, as long as that server lives.
import { setTimeout as sleep } from "node:timers/promises";
import type { Content } from "../../domain/content.ts";
import type { Database } from "./database.ts";

/** How long a loan lasts. Its server renews it until the embeddings are stored, so what a dead one has is soon free. */
const LOAN = "10 seconds";
const RENEW_MS = 3000;
/** Between two looks whether what others borrowed is done or free again. */
const LOOK_MS = 200;
/** Taken while contents are lent, with the encoder's number: two servers would ask for the same ones. */
const LENDING_LOCK = 0x6d6f6371;

/**
 * Contents without an embedding of the encoder, in ascending order; up to `batch` at a time, each lent to this caller
 * alone. Where others still have some on loan it waits, and takes over what they do not return in time. Ends when
 * nothing is lacking but what it has given out itself.
 */
export async function* lendLacking(
  { id: borrower, query, transaction }: Database,
  encoder: number,
  batch: number,
): AsyncGenerator<Content[]> {
  let ended = false;
  const borrow = (cursor: number): Promise<Content[]> =>
    transaction(async (inside) => {
      await inside("SELECT pg_advisory_xact_lock($1, $2)", [LENDING_LOCK, encoder]);
      return inside<Content>(
        `WITH lacking AS (
           SELECT number, sha256, bytes FROM contents c
           WHERE number > $2
             AND NOT EXISTS (SELECT 1 FROM embeddings WHERE encoder = $1 AND content = c.number)
             AND NOT EXISTS (SELECT 1 FROM loans WHERE encoder = $1 AND content = c.number
                             AND (until > now() OR borrower = $4))
           ORDER BY number LIMIT $3
         ), lent AS (
           INSERT INTO loans SELECT $1, number, $4, now() + interval '${LOAN}' FROM lacking
           ON CONFLICT (encoder, content) DO UPDATE SET borrower = excluded.borrower, until = excluded.until
         )
         SELECT number, sha256, bytes FROM lacking ORDER BY number`,
        [encoder, cursor, batch, borrower],
      );
    });
  const othersHaveSome = async (): Promise<boolean> => {
    const rows = await query(
      `SELECT 1 FROM loans l JOIN contents c ON c.number = l.content
       WHERE l.encoder = $1 AND borrower <> $2
         AND NOT EXISTS (SELECT 1 FROM embeddings WHERE encoder = $1 AND content = l.content) LIMIT 1`,
      [encoder, borrower],
    );
    return rows.length > 0;
  };

  const renew = () =>
    query(`UPDATE loans SET until = now() + interval '${LOAN}' WHERE encoder = $1 AND borrower = $2`, [
      encoder,
      borrower,
    ]);
  const giveBack = () => query("DELETE FROM loans WHERE encoder = $1 AND borrower = $2", [encoder, borrower]);

  await giveBack(); // what an earlier round could not embed
  // Where the database is not reached the loans end, and another server takes them over.
  const renewing = setInterval(() => void renew().catch(() => {}), RENEW_MS);
  try {
    for (let cursor = 0; ; ) {
      const lent = await borrow(cursor);
      if (lent.length > 0) {
        cursor = lent.at(-1)!.number;
        yield lent;
      } else if (cursor > 0) {
        cursor = 0; // what others gave back lies anywhere
      } else {
        ended = !(await othersHaveSome());
        if (ended) return; // the last batches are still being embedded, and stay on loan
        await sleep(LOOK_MS);
      }
    }
  } finally {
    clearInterval(renewing);
    if (!ended) await giveBack();
  }
}
