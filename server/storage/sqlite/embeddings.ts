// Embeddings: one vector per content and encoder.
import type { Embedding } from "../../domain/content.ts";
import type { Embeddings } from "../ports.ts";
import type { CommitQueue } from "./commit-queue.ts";
import type { SqliteDatabase } from "./database.ts";
import type { GenerationRows } from "./generations.ts";
import { pages } from "./pages.ts";

interface ContentRow {
  number: number;
  sha256: string;
  bytes: number;
  embedded: number;
}

// A blob may start at any offset but a Float32Array must start at a multiple of 4: hence the copy.
const asVector = ({ buffer, byteOffset, byteLength }: Buffer) =>
  new Float32Array(buffer.slice(byteOffset, byteOffset + byteLength));

export type EmbeddingRows = ReturnType<typeof createEmbeddingRows>;

/** Statements over embeddings that commits share. */
export function createEmbeddingRows(database: SqliteDatabase) {
  const exists = database
    .prepare<[number, number], number>("SELECT 1 FROM embeddings WHERE encoder = ? AND content = ?")
    .pluck();
  // A content may have been deleted while its embedding was computed: then nothing is written.
  const insert = database.prepare<[number, Uint8Array, number]>(
    `INSERT INTO embeddings (encoder, content, vector) SELECT ?, number, ? FROM contents WHERE number = ?
     ON CONFLICT DO NOTHING`,
  );
  const lacking = database
    .prepare<[number], number>(
      "SELECT (SELECT count(*) FROM contents) - (SELECT embedded FROM encoders WHERE number = ?)",
    )
    .pluck();
  const lackingAmong = database
    .prepare<[string, number], number>(
      `SELECT count(*) FROM contents WHERE number IN (SELECT value FROM json_each(?))
         AND NOT EXISTS (SELECT 1 FROM embeddings WHERE encoder = ? AND content = contents.number)`,
    )
    .pluck();
  return {
    has: (encoder: number, content: number): boolean => exists.get(encoder, content) !== undefined,
    /** Returns false where the content is gone or has its embedding already. */
    add(encoder: number, { content, vector }: Embedding): boolean {
      const blob = new Uint8Array(vector.buffer, vector.byteOffset, vector.byteLength);
      return insert.run(encoder, blob, content).changes > 0;
    },
    /** How many contents have no embedding of the encoder; those in `without` do not count. */
    lacking(encoder: number, without: ReadonlySet<number>): number {
      const all = lacking.get(encoder)!;
      return without.size === 0 ? all : all - lackingAmong.get(JSON.stringify([...without]), encoder)!;
    },
  };
}

/** Makes the embeddings of a catalogue. */
export function createEmbeddings(
  database: SqliteDatabase,
  { commit }: CommitQueue,
  { rows, generations }: { rows: EmbeddingRows; generations: GenerationRows },
): Embeddings {
  const vectorOf = database
    .prepare<[number, number], Buffer>("SELECT vector FROM embeddings WHERE encoder = ? AND content = ?")
    .pluck();
  const after = database.prepare<[number, number, number], { number: number; vector: Buffer }>(
    "SELECT content AS number, vector FROM embeddings WHERE encoder = ? AND content > ? ORDER BY content LIMIT ?",
  );
  const contentsAfter = database.prepare<[number, number, number], ContentRow>(
    `SELECT number, sha256, bytes,
       EXISTS (SELECT 1 FROM embeddings WHERE encoder = ? AND content = contents.number) AS embedded
     FROM contents WHERE number > ? ORDER BY number LIMIT ?`,
  );
  const tally = database.prepare<[number], { sequence: number; contents: number; embedded: number }>(
    `SELECT (SELECT number FROM sequence) AS sequence, (SELECT count(*) FROM contents) AS contents, embedded
     FROM encoders WHERE number = ?`,
  );
  const removeSome = database.prepare<[number, number, number]>(
    `DELETE FROM embeddings WHERE encoder = ? AND content IN
       (SELECT content FROM embeddings WHERE encoder = ? LIMIT ?)`,
  );

  return {
    async get(encoder, content) {
      const blob = vectorOf.get(encoder, content);
      return blob && asVector(blob);
    },
    async *list(encoder, batch) {
      for await (const rows of pages((content, limit) => after.all(encoder, content, limit), batch)) {
        yield rows.map(({ number, vector }) => ({ content: number, vector: asVector(vector) }));
      }
    },
    async *lacking(encoder, batch) {
      for await (const rows of pages((content, limit) => contentsAfter.all(encoder, content, limit), batch)) {
        const without = rows.filter(({ embedded }) => !embedded).map(({ embedded: _, ...content }) => content);
        if (without.length > 0) yield without;
      }
    },
    tally: async (encoder) => tally.get(encoder)!,
    async add(encoder, embeddings) {
      const { sequence } = await commit(({ added }) => {
        for (const embedding of embeddings) if (rows.add(encoder, embedding)) added.push({ encoder, ...embedding });
      });
      return { sequence };
    },
    // Not noted as a change: no index is open for an unused encoder.
    async forgetUnused(limit) {
      const { value } = await commit(() => {
        let left = limit;
        for (const encoder of generations.unusedEncoders()) left -= removeSome.run(encoder, encoder, left).changes;
        return limit - left;
      });
      return value;
    },
  };
}
