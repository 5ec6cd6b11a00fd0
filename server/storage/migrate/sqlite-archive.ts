// The records of a data folder, for a migration.
import { AppError } from "../../../core/errors.ts";
import type { SqliteDatabase } from "../sqlite/database.ts";
import { type Archive, type ColumnType, type Row, TABLES, type Table, type Value } from "./tables.ts";

type Stored = number | string | Buffer | null;

function asValue(stored: Stored, type: ColumnType): Value {
  if (type === "flag") return stored === 1;
  if (!Buffer.isBuffer(stored)) return stored;
  const { buffer, byteOffset, byteLength } = stored;
  return new Float32Array(buffer.slice(byteOffset, byteOffset + byteLength));
}

function asStored(value: Value): Stored {
  if (typeof value === "boolean") return Number(value);
  return value instanceof Float32Array ? Buffer.from(value.buffer, value.byteOffset, value.byteLength) : value;
}

/** Makes the archive of a database. */
export function createSqliteArchive(database: SqliteDatabase): Archive {
  const asRow = ({ columns }: Table, row: Record<string, Stored>): Row =>
    Object.fromEntries(Object.entries(columns).map(([name, type]) => [name, asValue(row[name]!, type)]));
  const count = (name: string) => database.prepare<[], number>(`SELECT count(*) FROM ${name}`).pluck().get()!;

  return {
    async read(table, after, limit) {
      const { name, columns, key } = table;
      const beyond = after ? `WHERE (${key.join()}) > (${key.map(() => "?").join()})` : "";
      const rows = database
        .prepare<unknown[], Record<string, Stored>>(
          `SELECT ${Object.keys(columns).join()} FROM ${name} ${beyond} ORDER BY ${key.join()} LIMIT ?`,
        )
        .all(...(after ? key.map((column) => after[column]) : []), limit);
      return rows.map((row) => asRow(table, row));
    },
    async last(table) {
      const order = table.key.map((column) => `${column} DESC`).join();
      const row = database
        .prepare<[], Record<string, Stored>>(`SELECT * FROM ${table.name} ORDER BY ${order} LIMIT 1`)
        .get();
      return row && asRow(table, row);
    },
    async numbers() {
      const rows = database.prepare<[], { name: string; seq: number }>("SELECT name, seq FROM sqlite_sequence").all();
      return new Map(rows.map(({ name, seq }) => [name, seq]));
    },
    async begin(source) {
      const isTable = database
        .prepare<[], number>("SELECT 1 FROM sqlite_master WHERE name = 'migration'")
        .pluck()
        .get();
      const known = isTable && database.prepare<[], string>("SELECT source FROM migration").pluck().get();
      if (known === source) return;
      if (known !== undefined || TABLES.some(({ name }) => count(name) > 0)) throw notEmpty(source);
      database.exec("CREATE TABLE migration (source TEXT NOT NULL) STRICT");
      database.prepare("INSERT INTO migration VALUES (?)").run(source);
    },
    async write({ name, columns }, rows) {
      const names = Object.keys(columns);
      const insert = database.prepare(
        `INSERT INTO ${name} (${names.join()}) VALUES (${names.map(() => "?").join()}) ON CONFLICT DO NOTHING`,
      );
      database.transaction(() => {
        for (const row of rows) insert.run(...names.map((column) => asStored(row[column]!)));
      })();
    },
    async finish(numbers) {
      database.transaction(() => {
        const raise = database.prepare("UPDATE sqlite_sequence SET seq = max(seq, ?) WHERE name = ?");
        for (const [name, last] of numbers) raise.run(last, name);
        database.exec("DROP TABLE migration");
      })();
    },
  };
}

/** Why a migration does not begin. */
export const notEmpty = (source: string): AppError =>
  new AppError(
    "invalid_configuration",
    `Expected to migrate to a place that is empty, or that a migration from ${source} has begun to fill, but it has other images. Name another place.`,
  );
