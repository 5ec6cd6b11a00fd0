// Contents: the bytes that images share.
import type { Content } from "../../domain/content.ts";
import type { Contents } from "../ports.ts";
import type { Database } from "./database.ts";

/** Makes the contents of a catalogue. */
export function createContents({ query }: Database): Contents {
  return {
    async ofImage(id) {
      const [row] = await query<Content>(
        "SELECT c.number, c.sha256, c.bytes FROM images i JOIN contents c ON c.number = i.content WHERE i.id = $1",
        [id],
      );
      return row;
    },
    async number(sha256) {
      const [row] = await query<{ number: number }>("SELECT number FROM contents WHERE sha256 = $1", [sha256]);
      return row?.number;
    },
    async known(hashes) {
      const rows = await query<{ sha256: string }>("SELECT sha256 FROM contents WHERE sha256 = ANY($1)", [hashes]);
      const known = new Set(rows.map(({ sha256 }) => sha256));
      return hashes.filter((sha256) => known.has(sha256));
    },
    async sha256s(numbers) {
      const rows = await query<{ number: number; sha256: string }>(
        "SELECT number, sha256 FROM contents WHERE number = ANY($1::bigint[])",
        [[...numbers]],
      );
      return new Map(rows.map(({ number, sha256 }) => [number, sha256]));
    },
    async ofSeveralImages() {
      const rows = await query<{ content: number }>(
        "SELECT content FROM images GROUP BY content HAVING count(*) > 1 ORDER BY content",
      );
      return rows.map(({ content }) => content);
    },
    // Multiplied by 2^32 over the golden ratio (Knuth), consecutive numbers scatter evenly: the same sample every time.
    async sample(limit) {
      const rows = await query<{ number: number }>(
        "SELECT number FROM contents ORDER BY (number * 2654435769) % 4294967296 LIMIT $1",
        [limit],
      );
      return rows.map(({ number }) => number);
    },
    count: async () => (await query<{ contents: number }>("SELECT contents FROM moco_search"))[0]!.contents,
  };
}
