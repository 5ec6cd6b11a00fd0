// What PostgreSQL keeps for an image, by the dimensions of its embedding, and how long its graph takes to build.
import type { ModelCard } from "../../core/model-card.ts";
import { createPostgresCatalogue } from "../../server/storage/postgres/catalogue.ts";
import { openDatabase } from "../../server/storage/postgres/database.ts";
import { createPgvectorSearch } from "../../server/storage/postgres/vector-search.ts";
import { cardOf } from "../../support/tiny-model.ts";

export interface BytesReport {
  readonly dimensions: number;
  readonly images: number;
  /** Bytes an image of: its record, its embedding with its key, and its place in the graph. */
  readonly record: number;
  readonly embedding: number;
  readonly graph: number;
  readonly graphPerSecond: number;
}

/** Fills an empty database with `images` random embeddings of an image each, with 40 bytes of metadata. */
export async function measureBytes(url: string, images: number, dimensions: number): Promise<BytesReport> {
  const database = await openDatabase(url);
  try {
    const card: ModelCard = { ...cardOf({}), dimensions };
    const { number, encoder } = await createPostgresCatalogue(database).generations.addFirst(card);
    const table = `embeddings_${encoder}`;
    await database.query(
      `INSERT INTO contents (sha256, type, width, height, bytes)
       SELECT encode(sha256(n::text::bytea), 'hex'), 'jpeg', 640, 480, 50000 FROM generate_series(1, $1::int) n`,
      [images],
    );
    const metadata = `{"label":"a label of images","place":1000001}`;
    await database.query(
      `INSERT INTO images (id, content, metadata, fields, created_at)
       SELECT left(sha256, 16), number, $1::text, $1::text::jsonb, now() FROM contents ORDER BY number`,
      [metadata],
    );
    for (let from = 0; from < images; from += 1000) {
      await database.query(
        `INSERT INTO embeddings
         SELECT $1::int, n, (SELECT array_agg(random() - 0.5) FROM generate_series(1, $2::int) WHERE n > 0)::vector
         FROM generate_series($3::int, $4::int) AS contents (n)`,
        [encoder, dimensions, from + 1, Math.min(from + 1000, images)],
      );
    }
    const began = performance.now();
    await createPgvectorSearch(database).open({ number, encoder, card }).optimise();
    const graphPerSecond = (1000 * images) / (performance.now() - began);
    const [row] = await database.query<{ record: number; embedding: number; graph: number }>(
      `SELECT pg_total_relation_size('images') + pg_total_relation_size('contents') AS record,
         pg_total_relation_size($1::regclass) - pg_relation_size($2::regclass) AS embedding,
         pg_relation_size($2::regclass) AS graph`,
      [table, `${table}_graph16`],
    );
    const { record, embedding, graph } = row!;
    const each = { record: record / images, embedding: embedding / images, graph: graph / images };
    return { dimensions, images, ...each, graphPerSecond };
  } finally {
    await database.close();
  }
}
