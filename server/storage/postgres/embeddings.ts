// Embeddings: one vector per content and encoder, each encoder's in a partition of its own.
import type { Embedding } from "../../domain/content.ts";
import type { Embeddings } from "../ports.ts";
import type { Commit, CommitNotes } from "./commit.ts";
import type { Database } from "./database.ts";
import { lockSwaps, shareGenerations, unusedEncoders } from "./generations.ts";
import { lendLacking } from "./loans.ts";
import { pages } from "./pages.ts";
import type { Query } from "./query.ts";
import { asText, asVector } from "./vector-text.ts";

/** Writes embeddings of contents that are held, in the order of the contents; those that are there already stay. */
export async function insertEmbeddings(
  query: Query,
  notes: CommitNotes,
  encoder: number,
  embeddings: readonly Embedding[],
): Promise<void> {
  const rows = await query<{ content: number }>(
    `INSERT INTO embeddings (encoder, content, vector)
     SELECT $1, content, vector::vector FROM unnest($2::bigint[], $3::text[]) AS e (content, vector) ORDER BY content
     ON CONFLICT DO NOTHING RETURNING content`,
    [encoder, embeddings.map(({ content }) => content), embeddings.map(({ vector }) => asText(vector))],
  );
  for (const { content } of rows) notes.added.push({ encoder, content });
}

/** How many contents there are and how many have an embedding of the encoder, at one sequence number. */
export async function tallyOf(query: Query, encoder: number) {
  const [row] = await query<{ sequence: number; contents: number; embedded: number }>(
    "SELECT sequence, contents, embedded FROM moco_search, encoders WHERE number = $1",
    [encoder],
  );
  return row!;
}

/** How many of these contents have no embedding of the encoder. */
export async function lackingAmong(query: Query, encoder: number, contents: Iterable<number>): Promise<number> {
  const [row] = await query<{ count: number }>(
    `SELECT count(*) FROM contents c WHERE number = ANY($2::bigint[])
       AND NOT EXISTS (SELECT 1 FROM embeddings WHERE encoder = $1 AND content = c.number)`,
    [encoder, [...contents]],
  );
  return row!.count;
}

/** Makes the embeddings of a catalogue. */
export function createEmbeddings(database: Database, commit: Commit): Embeddings {
  const { query, transaction } = database;

  /** Drops the table of an encoder that is still unused; returns how many embeddings it had. */
  const drop = (encoder: number): Promise<number> =>
    transaction(async (inside) => {
      await lockSwaps(inside);
      if (!(await unusedEncoders(inside)).includes(encoder)) return 0;
      const [before] = await inside<{ embedded: number }>(
        `UPDATE encoders e SET embedded = 0 FROM encoders old WHERE e.number = $1 AND old.number = $1
         RETURNING old.embedded`,
        [encoder],
      );
      await inside(`DROP TABLE IF EXISTS embeddings_${encoder}`);
      await inside("DELETE FROM loans WHERE encoder = $1", [encoder]);
      return before!.embedded;
    });

  return {
    async get(encoder, content) {
      const [row] = await query<{ vector: string }>(
        "SELECT vector::text FROM embeddings WHERE encoder = $1 AND content = $2",
        [encoder, content],
      );
      return row && asVector(row.vector);
    },
    async *list(encoder, batch) {
      const read = (cursor: number, size: number) =>
        query<{ number: number; vector: string }>(
          `SELECT content AS number, vector::text FROM embeddings WHERE encoder = $1 AND content > $2
           ORDER BY content LIMIT $3`,
          [encoder, cursor, size],
        );
      for await (const rows of pages(read, batch)) {
        yield rows.map(({ number, vector }) => ({ content: number, vector: asVector(vector) }));
      }
    },
    lacking: (encoder, batch) => lendLacking(database, encoder, batch),
    tally: (encoder) => tallyOf(query, encoder),
    async add(encoder, embeddings) {
      const { sequence } = await commit(async (inside, notes) => {
        if (!(await shareGenerations(inside)).some((one) => one.encoder === encoder)) return;
        // A content may have been deleted while its embedding was computed.
        const held = await inside<{ number: number }>(
          "SELECT number FROM contents WHERE number = ANY($1::bigint[]) ORDER BY number FOR KEY SHARE",
          [embeddings.map(({ content }) => content)],
        );
        const there = new Set(held.map(({ number }) => number));
        await insertEmbeddings(
          inside,
          notes,
          encoder,
          embeddings.filter(({ content }) => there.has(content)),
        );
      });
      return { sequence };
    },
    async forgetUnused() {
      let forgotten = 0;
      for (const encoder of await unusedEncoders(query)) forgotten += await drop(encoder);
      return forgotten;
    },
  };
}
