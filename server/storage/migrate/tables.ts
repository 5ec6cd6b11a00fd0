// What a migration copies, in the order of its references. Both backends have these tables and columns.

/** How a value is written; a migration passes numbers, text, ISO 8601, booleans and Float32Arrays. */
export type ColumnType = "number" | "text" | "time" | "flag" | "vector";

export interface Table {
  readonly name: string;
  readonly columns: Readonly<Record<string, ColumnType>>;
  /** Rows are read in the order of these columns. */
  readonly key: readonly string[];
  /** The key is a number that is given and never used again. */
  readonly isNumbered: boolean;
}

export type Value = number | string | boolean | Float32Array | null;
export type Row = Readonly<Record<string, Value>>;

const table = (name: string, columns: Table["columns"], key: readonly string[] = ["number"]): Table => ({
  name,
  columns,
  key,
  isNumbered: key[0] === "number",
});

const number = { number: "number" } as const;

/** The tables. */
export const TABLES: readonly Table[] = [
  table("encoders", { ...number, key: "text" }),
  table("generations", { ...number, encoder: "number", card: "text", state: "text", created_at: "time" }),
  table("contents", { ...number, sha256: "text", type: "text", width: "number", height: "number", bytes: "number" }),
  table("images", { ...number, id: "text", content: "number", metadata: "text", created_at: "time" }),
  table("embeddings", { encoder: "number", content: "number", vector: "vector" }, ["encoder", "content"]),
  table("swaps", {
    ...number,
    id: "text",
    kind: "text",
    generation: "number",
    replaces: "number",
    state: "text",
    force: "flag",
    skip_damaged: "flag",
    review: "flag",
    approved_at: "time",
    report: "text",
    error: "text",
    created_at: "time",
    updated_at: "time",
  }),
  table("api_keys", { id: "text", hash: "text", role: "text", name: "text", created_at: "time" }, ["id"]),
  table("keyed_uploads", { key: "text", position: "number", content: "text", record: "text", created_at: "time" }, [
    "key",
    "position",
  ]),
];

/** One side of a migration: the records of a storage that no server uses meanwhile. */
export interface Archive {
  /** Up to `limit` rows after a row, in the order of the key. */
  read(table: Table, after: Row | undefined, limit: number): Promise<Row[]>;
  /** The last row; undefined where there is none. */
  last(table: Table): Promise<Row | undefined>;
  /** The last number that was given in each numbered table. */
  numbers(): Promise<ReadonlyMap<string, number>>;
  /**
   * Begins to be written to from `source`, or goes on. From here on no server starts on it.
   *
   * @throws AppError `invalid_configuration` where it has something already that is not of this migration.
   */
  begin(source: string): Promise<void>;
  /** Adds rows in one transaction. */
  write(table: Table, rows: readonly Row[]): Promise<void>;
  /** Ends what {@link Archive.begin} began. */
  finish(numbers: ReadonlyMap<string, number>): Promise<void>;
}
