// Contents: the bytes that images share.
import type { Content } from "../../domain/content.ts";
import type { Contents } from "../ports.ts";
import type { SqliteDatabase } from "./database.ts";

/** Makes the contents of a catalogue. */
export function createContents(database: SqliteDatabase): Contents {
  const ofImage = database.prepare<[string], Content>(
    "SELECT c.number, c.sha256, c.bytes FROM images i JOIN contents c ON c.number = i.content WHERE i.id = ?",
  );
  const number = database.prepare<[string], number>("SELECT number FROM contents WHERE sha256 = ?").pluck();
  const sha256s = database.prepare<[string], { number: number; sha256: string }>(
    "SELECT number, sha256 FROM contents WHERE number IN (SELECT value FROM json_each(?))",
  );
  const ofSeveralImages = database
    .prepare<[], number>("SELECT content FROM images GROUP BY content HAVING count(*) > 1 ORDER BY content")
    .pluck();
  // Knuth's multiplicative hash (2^32 / golden ratio) scatters consecutive numbers evenly: the same sample every time.
  const sample = database
    .prepare<[number], number>("SELECT number FROM contents ORDER BY (number * 2654435769) % 4294967296 LIMIT ?")
    .pluck();
  const count = database.prepare<[], number>("SELECT count(*) FROM contents").pluck();
  return {
    ofImage: async (id) => ofImage.get(id),
    number: async (sha256) => number.get(sha256),
    known: async (hashes) => hashes.filter((sha256) => number.get(sha256) !== undefined),
    sha256s: async (numbers) =>
      new Map(sha256s.all(JSON.stringify([...numbers])).map((row) => [row.number, row.sha256])),
    ofSeveralImages: async () => ofSeveralImages.all(),
    sample: async (limit) => sample.all(limit),
    count: async () => count.get()!,
  };
}
