// Rows of embeddings: one vector per content and encoder.
import type { SqliteDatabase } from "./database.ts";

/** Embedding of one content. */
export interface StoredEmbedding {
  /** Number of the content. */
  readonly content: number;
  /** [D], unit norm. */
  readonly vector: Float32Array;
}

// Blobs come at any address, and a Float32Array needs a multiple of 4: hence the copy.
const asVector = ({ buffer, byteOffset, byteLength }: Buffer) =>
  new Float32Array(buffer.slice(byteOffset, byteOffset + byteLength));

export type EmbeddingRecords = ReturnType<typeof createEmbeddingRecords>;

/** Statements over embeddings; `encoder` is the number that {@link EmbeddingRecords.encoderNumber} gives. */
export function createEmbeddingRecords(database: SqliteDatabase) {
  const encoder = database.prepare<[string], number>("SELECT number FROM encoders WHERE key = ?").pluck();
  const insertEncoder = database.prepare<[string]>("INSERT INTO encoders (key) VALUES (?)");
  const vectorOf = database
    .prepare<[number, number], Buffer>("SELECT vector FROM embeddings WHERE encoder = ? AND content = ?")
    .pluck();
  const exists = database
    .prepare<[number, number], number>("SELECT 1 FROM embeddings WHERE encoder = ? AND content = ?")
    .pluck();
  const after = database.prepare<[number, number, number], { content: number; vector: Buffer }>(
    "SELECT content, vector FROM embeddings WHERE encoder = ? AND content > ? ORDER BY content LIMIT ?",
  );
  // A content may have been deleted while its embedding was computed: then nothing is written.
  const insert = database.prepare<[number, Uint8Array, number]>(
    `INSERT INTO embeddings (encoder, content, vector) SELECT ?, number, ? FROM contents WHERE number = ?
     ON CONFLICT DO NOTHING`,
  );
  const removeSome = database.prepare<[number, number, number]>(
    `DELETE FROM embeddings WHERE encoder = ? AND content IN
       (SELECT content FROM embeddings WHERE encoder = ? LIMIT ?)`,
  );

  return {
    /** The number that stands for an encoder key in these rows, made where it is new. Writes. */
    encoderNumber(key: string): number {
      return encoder.get(key) ?? Number(insertEncoder.run(key).lastInsertRowid);
    },
    get(encoder: number, content: number): Float32Array | undefined {
      const blob = vectorOf.get(encoder, content);
      return blob && asVector(blob);
    },
    has: (encoder: number, content: number): boolean => exists.get(encoder, content) !== undefined,
    /** Up to `limit` embeddings of contents numbered above `content`, in order. */
    after(encoder: number, content: number, limit: number): StoredEmbedding[] {
      return after.all(encoder, content, limit).map((row) => ({ content: row.content, vector: asVector(row.vector) }));
    },
    /** Returns false where the content is gone or has its embedding already. Writes. */
    add(encoder: number, { content, vector }: StoredEmbedding): boolean {
      const blob = new Uint8Array(vector.buffer, vector.byteOffset, vector.byteLength);
      return insert.run(encoder, blob, content).changes > 0;
    },
    /** Deletes up to `limit` embeddings of an encoder; returns how many. Writes. */
    removeSome: (encoder: number, limit: number): number => removeSome.run(encoder, encoder, limit).changes,
  };
}
