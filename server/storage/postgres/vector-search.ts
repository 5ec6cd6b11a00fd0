// Search with pgvector: in the table of a generation's embeddings, by its HNSW graph. The table is part of every
// commit, so there is nothing to follow: what is committed is found.
import { AppError } from "../../../core/errors.ts";
import type { Filter } from "../../domain/filter.ts";
import type { ImageMatch } from "../../domain/image.ts";
import type { VectorIndex, VectorSearch, Wanted } from "../ports.ts";
import type { Database } from "./database.ts";
import { tallyOf } from "./embeddings.ts";
import { filterSql, type Parameter } from "./filter-sql.ts";
import { buildGraph, inHalves } from "./graph.ts";
import { codeOf, type Query } from "./query.ts";
import { asText } from "./vector-text.ts";

/** Candidates that a search of the graph keeps, at least; pgvector takes 1000 at most. */
const EF_SEARCH = 100;
const MAX_EF_SEARCH = 1000;

/**
 * A step in the graph takes as long as comparing about 16 images. PostgreSQL expects half of those that pass an `eq`,
 * and their number counts squared, so a quarter of 16.
 */
const COMPARED_IN_A_STEP = 4;

/** SQLSTATE of a table that is not there. */
const NO_TABLE = "42P01";

/** Neighbours compared by {@link VectorIndex.inspect}. */
const NEIGHBOURS = 10;
/** Scores that differ less are the same: the graph and the pass over all add in another order. */
const SAME_SCORE = 1e-6;

/** The graph orders by scores of half precision. */
const byScore = (a: { score: number }, b: { score: number }) => b.score - a.score;

interface Row {
  readonly id: string;
  readonly content: number;
  readonly width: number;
  readonly height: number;
  readonly metadata: string;
  readonly score: number;
}

/** Makes the search of a database. */
export function createPgvectorSearch(database: Database): VectorSearch {
  return {
    open: ({ number, encoder, card }) =>
      createIndex(database, { generation: number, encoder, dimensions: card.dimensions }),
    async removeUnused() {}, // the graph goes with its table
  };
}

interface IndexOptions {
  readonly generation: number;
  readonly encoder: number;
  readonly dimensions: number;
}

function createIndex(database: Database, { generation, encoder, dimensions }: IndexOptions): VectorIndex {
  const table = `embeddings_${encoder}`;
  const distance = (query: string) => `e.vector <#> ${query}::vector`;
  /** What the graph orders by; it does not know the order of {@link distance}, by which all are compared. */
  const distanceInGraph = (query: string) =>
    `${inHalves("e.vector", dimensions)} <#> ${inHalves(`${query}::vector`, dimensions)}`;
  let isServing = false;

  const serving = <T>(action: () => Promise<T>): Promise<T> => {
    if (isServing) return action();
    return Promise.reject(new AppError("index_unavailable", "The index is being opened. Try again in a few seconds."));
  };
  /** The table of a generation that was replaced some time ago is gone. */
  const orReplaced = (error: unknown): never => {
    if (codeOf(error) !== NO_TABLE) throw error;
    throw new AppError(
      "generation_replaced",
      "The embeddings of this generation are gone: another one answers. Search again.",
    );
  };
  /** Runs `action` where searches use the graph, and go on in it until they have found what they are asked for. */
  const inGraph = <T>(reach: number, action: (query: Query) => Promise<T>): Promise<T> =>
    database.transaction(async (query) => {
      const ef = Math.min(Math.max(EF_SEARCH, reach), MAX_EF_SEARCH);
      await query(`SET LOCAL hnsw.ef_search = ${ef}; SET LOCAL hnsw.iterative_scan = strict_order`);
      return action(query);
    });

  /** The images nearest to a vector: by the graph, or (`exact`) by comparing all that fit, or one content. */
  const imagesNear = (
    query: Query,
    vector: string,
    { limit, leftOut, filter }: Wanted,
    { exact, content }: { exact: boolean; content?: number },
  ): Promise<Row[]> => {
    const values: unknown[] = [];
    const parameter: Parameter = (value) => `$${values.push(value)}`;
    const place = parameter(vector);
    const conditions = [
      `e.encoder = ${encoder}`, // all are, and the key of the table begins with it
      ...(leftOut.size > 0 ? [`i.id <> ALL (${parameter([...leftOut])}::text[])`] : []),
      ...(filter ? [filterSql(filter, parameter)] : []),
      ...(content === undefined ? [] : [`e.content = ${parameter(content)}`]),
    ];
    return query<Row>(
      `SELECT i.id, i.content, i.metadata, c.width, c.height, -(${distance(place)}) AS score
       FROM ${table} e JOIN images i ON i.content = e.content JOIN contents c ON c.number = e.content
       WHERE ${conditions.join(" AND ")}
       ORDER BY (${exact ? distance(place) : distanceInGraph(place)}), i.number LIMIT ${parameter(limit)}`,
      values,
    );
  };

  /**
   * Whether comparing all n of N images that a filter lets through is faster than walking the graph until it has met
   * enough of them, which takes limit · N / n steps. PostgreSQL would choose itself, but reckons a step too cheap.
   */
  const fewPass = async (query: Query, filter: Filter, limit: number): Promise<boolean> => {
    const values: unknown[] = [];
    const condition = filterSql(filter, (value) => `$${values.push(value)}`);
    const [plan] = await query<{ "QUERY PLAN": [{ Plan: { "Plan Rows": number } }] }>(
      `EXPLAIN (FORMAT JSON) SELECT FROM images i JOIN contents c ON c.number = i.content WHERE ${condition}`,
      values,
    );
    const [images] = await query<{ count: number }>(
      "SELECT reltuples AS count FROM pg_class WHERE oid = 'images'::regclass",
    );
    const passing = plan!["QUERY PLAN"][0].Plan["Plan Rows"];
    return passing ** 2 < COMPARED_IN_A_STEP * limit * images!.count;
  };

  const checkActive = async (query: Query): Promise<void> => {
    const [active] = await query<{ number: number }>("SELECT number FROM generations WHERE state = 'active'");
    if (!active || active.number === generation) return;
    throw new AppError("generation_replaced", `Generation ${active.number} answers now. Search again.`);
  };

  const nearest = async (query: Query, vector: string, k: number, exact = false) => {
    const order = exact ? distance("$1") : distanceInGraph("$1");
    const rows = await query<{ content: number; score: number }>(
      `SELECT content, -(${distance("$1")}) AS score FROM ${table} e ORDER BY ${order} LIMIT $2`,
      [vector, k],
    );
    rows.sort(byScore);
    return { contents: rows.map(({ content }) => content), scores: rows.map(({ score }) => score) };
  };

  return {
    get isServing() {
      return isServing;
    },
    async fill() {
      await database.query(`SELECT FROM ${table} LIMIT 0`);
      isServing = true;
    },
    optimise: () => buildGraph(database, { table, dimensions }),
    async reached() {},
    search: (vector, wanted) =>
      serving(() =>
        inGraph(wanted.limit, async (query) => {
          const text = asText(vector);
          const exact = wanted.filter !== undefined && (await fewPass(query, wanted.filter, wanted.limit));
          let rows = (await imagesNear(query, text, wanted, { exact })).sort(byScore);
          if (wanted.filter && !exact && rows.length < wanted.limit) {
            rows = await imagesNear(query, text, wanted, { exact: true });
          }
          if (wanted.own !== undefined && !rows.some(({ content }) => content === wanted.own)) {
            const own = await imagesNear(query, text, wanted, { exact: true, content: wanted.own });
            rows = [...own, ...rows].sort(byScore).slice(0, wanted.limit);
          }
          await checkActive(query); // last: an answer that was begun before a switch and ends after it is given up
          return rows
            .filter(({ score }) => score >= wanted.minScore)
            .map(({ content: _, metadata, ...row }): ImageMatch => ({ ...row, metadata: JSON.parse(metadata) }));
        }).catch(orReplaced),
      ),
    nearest: (vector, k) => serving(() => inGraph(k, (query) => nearest(query, asText(vector), k)).catch(orReplaced)),
    size: (sequence) =>
      serving(() =>
        database.transaction(async (query) => {
          await query("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"); // all that follows is of one moment
          const tally = await tallyOf(query, encoder);
          if (tally.sequence !== sequence) return { sequence: tally.sequence, contents: tally.embedded };
          const [row] = await query<{ count: number }>(`SELECT count(*) FROM ${table}`);
          return { sequence, contents: row!.count };
        }),
      ),
    inspect: (sample) =>
      serving(async () => {
        const queries = await database.query<{ vector: string }>(
          `SELECT vector::text FROM ${table} ORDER BY (content * 2654435769) % 4294967296 LIMIT $1`,
          [sample],
        );
        let found = 0;
        let wanted = 0;
        for (const { vector } of queries) {
          await inGraph(NEIGHBOURS, async (query) => {
            const near = await nearest(query, vector, NEIGHBOURS);
            const exact = await nearest(query, vector, NEIGHBOURS, true);
            const worst = exact.scores.at(-1)! - SAME_SCORE;
            found += near.scores.filter((score) => score >= worst).length;
            wanted += exact.scores.length;
          });
        }
        const [mean] = await database.query<{ square: number | null }>(
          `SELECT -(mean <#> mean) AS square FROM (
             SELECT avg(vector) AS mean FROM (SELECT DISTINCT vector FROM ${table}) AS one) AS m`,
        );
        return { recallAt10: wanted === 0 ? 1 : found / wanted, spread: 1 - (mean?.square ?? 0) };
      }),
    async close() {
      isServing = false;
    },
  };
}
