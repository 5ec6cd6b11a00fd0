// Graphs of pgvector over one table: of float32, of half precision, and of signs whose candidates are ranked again.
import pg from "pg";
import { asText } from "../../server/storage/postgres/vector-text.ts";
import { type Collection, K, tagOf } from "./collection.ts";
import type { Contender } from "./contender.ts";

/** As in server/storage/postgres/graph.ts. */
const GRAPH = "m = 16, ef_construction = 128";
const BATCH = 2000;

/** Fills an empty database and builds the graphs, one after the other. `close` ends the connection. */
export async function openPgvector(url: string, { dimensions, vectors }: Collection) {
  const client = new pg.Client(url);
  await client.connect();
  await client.query("CREATE EXTENSION vector");
  await client.query(`CREATE TABLE items (number int, tag int, vector vector(${dimensions}))`);
  await client.query("ALTER TABLE items ALTER vector SET STORAGE PLAIN");
  for (let from = 0; from < vectors.length; from += BATCH) {
    const numbers = Array.from({ length: Math.min(BATCH, vectors.length - from) }, (_, i) => from + i);
    const texts = numbers.map((number) => asText(vectors[number]!));
    await client.query(
      "INSERT INTO items SELECT n, t, v::vector FROM unnest($1::int[], $2::int[], $3::text[]) AS i (n, t, v)",
      [numbers, numbers.map(tagOf), texts],
    );
  }
  await client.query("CREATE INDEX ON items (tag)");
  await client.query("VACUUM ANALYZE items");
  await client.query("SET maintenance_work_mem = '2GB'");

  const build = async (name: string, expression: string) => {
    const began = performance.now();
    await client.query(`CREATE INDEX ${name} ON items USING hnsw (${expression}) WITH (${GRAPH})`);
    const buildSeconds = (performance.now() - began) / 1000;
    const { rows } = await client.query<{ bytes: number }>(`SELECT pg_relation_size('${name}')::float8 AS bytes`);
    return { buildSeconds, bytes: rows[0]!.bytes / vectors.length };
  };
  const half = `halfvec(${dimensions})`;
  const signs = `bit(${dimensions})`;
  const float32Graph = await build("graph_float32", "vector vector_ip_ops");
  const halfGraph = await build("graph_half", `(vector::${half}) halfvec_ip_ops`);
  const signsGraph = await build("graph_signs", `(binary_quantize(vector)::${signs}) bit_hamming_ops`);

  /**
   * Searches by `sql`: $1 is the vector, $2 the number of matches, $3 the filter.
   *
   * @param plan `graph`, or all that pass are `compared`, or what PostgreSQL expects to be faster.
   */
  const contender = (
    name: string,
    { build = { buildSeconds: 0, bytes: 0 }, plan = "graph", ...more }: Played & { sql: string },
  ): Contender => ({
    ...{ name, ...build, filters: more.filters, settings: more.settings ?? "" },
    async prepare() {
      await client.query(`SET hnsw.ef_search = ${more.ef ?? 40}; SET hnsw.iterative_scan = ${more.scan ?? "off"}`);
      const ways = { seqscan: plan !== "graph", bitmapscan: plan !== "graph", indexscan: plan !== "compared" };
      const sort = more.filters === "never" || plan !== "graph"; // else those that pass are sorted instead
      for (const [way, isOn] of Object.entries({ ...ways, sort })) await client.query(`SET enable_${way} = ${isOn}`);
    },
    async search(query, below) {
      const text = more.sql.replace("FILTER", below === undefined ? "" : "WHERE tag < $3");
      const values = [asText(query), K, ...(below === undefined ? [] : [below])];
      const { rows } = await client.query<{ number: number }>(text, values);
      return rows.map(({ number }) => number);
    },
  });
  const float32 = (played: Played) =>
    contender("pgvector, float32", {
      ...{ build: float32Graph, ...played },
      sql: "SELECT number FROM items FILTER ORDER BY vector <#> $1::vector LIMIT $2",
    });
  const halved = (played: Played) =>
    contender("pgvector, halfvec", {
      ...{ build: halfGraph, ...played },
      sql: `SELECT number FROM items FILTER ORDER BY vector::${half} <#> $1::${half} LIMIT $2`,
    });
  const signed = (ef: number) =>
    contender("pgvector, signs", {
      ...{ build: signsGraph, ef, settings: `${ef} ranked again`, filters: "never" },
      sql: `SELECT number FROM (
          SELECT number, vector FROM items FILTER
          ORDER BY binary_quantize(vector)::${signs} <~> binary_quantize($1::vector(${dimensions}))::${signs} LIMIT ${ef}
        ) AS candidates ORDER BY vector <#> $1::vector LIMIT $2`,
    });
  const of = (ef: number): Played => ({ ef, settings: `ef ${ef}`, filters: "never" });
  const filtered = (scan: string): Played => ({ ef: 100, scan, settings: `ef 100, ${scan}`, filters: "only" });
  const contenders = [
    ...[40, 100, 200].flatMap((ef) => [float32(of(ef)), halved(of(ef))]),
    ...[200, 400, 800].map(signed),
    ...["off", "strict_order", "relaxed_order"].map((scan) => float32(filtered(scan))),
    halved(filtered("strict_order")),
    float32({ ...filtered("strict_order"), plan: "free", settings: "as PostgreSQL plans it" }),
    contender("PostgreSQL, all compared", {
      ...{ plan: "compared", filters: "both" },
      sql: "SELECT number FROM items FILTER ORDER BY vector <#> $1::vector LIMIT $2",
    }),
  ];
  return { contenders, close: () => client.end() };
}

/** How a contender plays. */
interface Played {
  readonly filters: Contender["filters"];
  readonly settings?: string;
  readonly build?: { readonly buildSeconds: number; readonly bytes: number };
  readonly plan?: "graph" | "compared" | "free";
  readonly ef?: number;
  readonly scan?: string;
}
