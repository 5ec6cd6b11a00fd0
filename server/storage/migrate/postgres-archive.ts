// The records of a PostgreSQL database, for a migration.
import { AppError } from "../../../core/errors.ts";
import type { Database } from "../postgres/database.ts";
import { asFields } from "../postgres/filter-sql.ts";
import { LEASE_SECONDS } from "../postgres/reign.ts";
import { asText, asVector } from "../postgres/vector-text.ts";
import { notEmpty } from "./sqlite-archive.ts";
import { type Archive, type ColumnType, type Row, TABLES, type Table, type Value } from "./tables.ts";

const SQL_TYPES: Readonly<Record<ColumnType, string>> = {
  number: "bigint",
  text: "text",
  time: "timestamptz",
  flag: "boolean",
  vector: "text",
};

/** Text in the order of its bytes, as in SQLite. */
const keyOf = ({ key, columns }: Table) =>
  key.map((column) => (columns[column] === "text" ? `${column} COLLATE "C"` : column));

/** Makes the archive of a database. */
export function createPostgresArchive({ query, transaction }: Database): Archive {
  const select = ({ columns }: Table) =>
    Object.entries(columns)
      .map(([name, type]) => (type === "vector" ? `${name}::text` : name))
      .join();
  const asRow = ({ columns }: Table, row: Record<string, unknown>): Row =>
    Object.fromEntries(
      Object.entries(columns).map(([name, type]): [string, Value] => {
        const value = row[name];
        if (type === "vector") return [name, asVector(value as string)];
        return [name, value instanceof Date ? value.toISOString() : (value as Value)];
      }),
    );

  return {
    async read(table, after, limit) {
      const key = keyOf(table);
      const beyond = after ? `WHERE (${key.join()}) > (${key.map((_, i) => `$${i + 2}`).join()})` : "";
      const rows = await query<Record<string, unknown>>(
        `SELECT ${select(table)} FROM ${table.name} ${beyond} ORDER BY ${key.join()} LIMIT $1`,
        [limit, ...(after ? table.key.map((column) => after[column]) : [])],
      );
      return rows.map((row) => asRow(table, row));
    },
    async last(table) {
      const order = keyOf(table).map((column) => `${column} DESC`);
      const [row] = await query<Record<string, unknown>>(
        `SELECT ${select(table)} FROM ${table.name} ORDER BY ${order.join()} LIMIT 1`,
      );
      return row && asRow(table, row);
    },
    async numbers() {
      const numbers = new Map<string, number>();
      for (const { name } of TABLES.filter(({ isNumbered }) => isNumbered)) {
        const [row] = await query<{ last: number | null }>(
          "SELECT pg_sequence_last_value(pg_get_serial_sequence($1, 'number')::regclass) AS last",
          [name],
        );
        if (row!.last !== null) numbers.set(name, row!.last);
      }
      return numbers;
    },
    begin: (source) =>
      transaction(async (inside) => {
        await inside("CREATE TABLE IF NOT EXISTS migration (source text NOT NULL)");
        const [known] = await inside<{ source: string }>("SELECT source FROM migration");
        if (known?.source === source) return;
        for (const { name } of TABLES) {
          if (known || (await inside(`SELECT FROM ${name} LIMIT 1`)).length > 0) throw notEmpty(source);
        }
        await inside("INSERT INTO migration VALUES ($1)", [source]);
      }),
    write: (table, rows) =>
      transaction(async (inside) => {
        const columns = Object.entries(table.columns);
        const values = columns.map(([name, type]) =>
          rows.map((row) => (type === "vector" ? asText(row[name] as Float32Array) : row[name])),
        );
        const names = columns.map(([name]) => name);
        const types = columns.map(([, type], i) => `$${i + 1}::${SQL_TYPES[type]}[]`);
        const chosen = columns.map(([name, type]) => (type === "vector" ? `${name}::vector` : name));
        if (table.name === "images") {
          names.push("fields");
          chosen.push("fields::jsonb");
          types.push(`$${columns.length + 1}::text[]`);
          values.push(rows.map(({ metadata }) => asFields(JSON.parse(metadata as string))));
        }
        await inside(
          `INSERT INTO ${table.name} (${names.join()}) OVERRIDING SYSTEM VALUE
           SELECT ${chosen.join()} FROM unnest(${types.join()}) AS r (${names.join()}) ON CONFLICT DO NOTHING`,
          values,
        );
        if (table.name !== "encoders") return;
        for (const { number } of rows) {
          await inside(
            `CREATE TABLE IF NOT EXISTS embeddings_${number} PARTITION OF embeddings FOR VALUES IN (${number})`,
          );
        }
      }),
    finish: (numbers) =>
      transaction(async (inside) => {
        for (const [name, last] of numbers) {
          await inside("SELECT setval(pg_get_serial_sequence($1, 'number')::regclass, $2)", [name, last]);
        }
        await inside("UPDATE moco_search SET contents = (SELECT count(*) FROM contents)");
        await inside(
          "UPDATE encoders SET embedded = (SELECT count(*) FROM embeddings WHERE encoder = encoders.number)",
        );
        await inside("DROP TABLE migration");
      }),
  };
}

/** @throws AppError `invalid_configuration` where servers are using the database. */
export async function checkUnused({ query }: Database): Promise<void> {
  const servers = await query<{ url: string }>(
    `SELECT url FROM servers WHERE heard_at > clock_timestamp() - ${LEASE_SECONDS} * interval '1 second'`,
  );
  if (servers.length === 0) return;
  throw new AppError(
    "invalid_configuration",
    `Servers are using the database: ${servers.map(({ url }) => url).join(", ")}. Stop them first; nothing was changed.`,
  );
}
