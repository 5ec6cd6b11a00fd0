// Uploads with an Idempotency-Key: what each file of the request became, written together with the image, so that a
// request that is sent again after a crash or a lost answer stores nothing twice.
import type { SqliteDatabase } from "./database.ts";
import type { ImageRecord } from "./image-records.ts";

/** One file of a keyed upload. */
export interface UploadKey {
  /** The Idempotency-Key of the request. */
  readonly key: string;
  /** Place of the file in the request, from 0. */
  readonly position: number;
  /** SHA-256 of the file and its metadata: what must be the same when the request is sent again. */
  readonly content: string;
}

/** Hours that a key is remembered. */
const HOURS = 24;

export type KeyedUploads = ReturnType<typeof createKeyedUploads>;

/** Statements over keyed uploads. */
export function createKeyedUploads(database: SqliteDatabase) {
  const one = database.prepare<[string, number], { content: string; record: string }>(
    "SELECT content, record FROM keyed_uploads WHERE key = ? AND position = ?",
  );
  const insert = database.prepare<[string, number, string, string, string]>(
    "INSERT INTO keyed_uploads (key, position, content, record, created_at) VALUES (?, ?, ?, ?, ?)",
  );
  const forget = database.prepare<[string]>("DELETE FROM keyed_uploads WHERE created_at < ?");
  return {
    /** What was sent under this key at this place, and the image that it became. */
    get({ key, position }: UploadKey): { content: string; record: ImageRecord } | undefined {
      const row = one.get(key, position);
      return row && { content: row.content, record: JSON.parse(row.record) };
    },
    /** Writes. */
    add({ key, position, content }: UploadKey, record: ImageRecord): void {
      forget.run(new Date(Date.now() - HOURS * 3_600_000).toISOString());
      insert.run(key, position, content, JSON.stringify(record), new Date().toISOString());
    },
  };
}
