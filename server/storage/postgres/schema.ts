// The tables in PostgreSQL, and how they come about.
import { AppError } from "../../../core/errors.ts";
import { codeOf, type Query } from "./query.ts";

/** Least version of pgvector: the first with iterative scans, which filters need. */
const PGVECTOR = [0, 8] as const;

/** Taken while tables are made: several servers may start at once. */
const MIGRATION_LOCK = 0x6d6f636f;

// Each version of the tables adds its statements to the one before. Numbers are never used again after a delete.
const VERSIONS = [
  `
  -- One row. sequence: number of the last commit that changed vectors. Each such commit takes this row last and keeps it until
  -- it is durable, so that numbers become visible in their order and without gaps. contents: how many there are.
  CREATE TABLE moco_search (
    version    integer NOT NULL,
    sequence   bigint NOT NULL,
    contents   bigint NOT NULL
  );
  INSERT INTO moco_search VALUES (0, 0, 0);
  CREATE TABLE contents (
    number     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    sha256     text NOT NULL UNIQUE,
    type       text NOT NULL,
    width      integer NOT NULL,
    height     integer NOT NULL,
    bytes      bigint NOT NULL
  );
  -- metadata: the JSON as it came. fields: the same for filters; see filter-sql.ts.
  CREATE TABLE images (
    number     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id         text NOT NULL UNIQUE,
    content    bigint NOT NULL REFERENCES contents (number),
    metadata   text NOT NULL,
    fields     jsonb NOT NULL,
    created_at timestamptz(3) NOT NULL
  );
  CREATE INDEX images_of_content ON images (content, number);
  CREATE TABLE keyed_uploads (
    key        text NOT NULL,
    position   integer NOT NULL,
    content    text NOT NULL,
    record     text NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (key, position)
  );
  CREATE INDEX keyed_uploads_by_age ON keyed_uploads (created_at);
  -- embedded: how many embeddings it has, changed with the sequence number.
  CREATE TABLE encoders (
    number     integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key        text NOT NULL UNIQUE,
    embedded   bigint NOT NULL DEFAULT 0
  );
  -- One partition an encoder, embeddings_<number>, each with an index of its own: it goes by DROP TABLE.
  CREATE TABLE embeddings (
    encoder    integer NOT NULL,
    content    bigint NOT NULL,
    vector     vector NOT NULL,
    PRIMARY KEY (encoder, content)
  ) PARTITION BY LIST (encoder);
  CREATE TABLE generations (
    number     integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    encoder    integer NOT NULL REFERENCES encoders (number),
    card       text NOT NULL,
    state      text NOT NULL CHECK (state IN ('candidate', 'active', 'retired', 'gone', 'failed')),
    created_at timestamptz NOT NULL
  );
  CREATE UNIQUE INDEX one_active_generation ON generations (state) WHERE state = 'active';
  CREATE UNIQUE INDEX one_retired_generation ON generations (state) WHERE state = 'retired';
  CREATE TABLE swaps (
    number     integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id         text NOT NULL UNIQUE,
    kind       text NOT NULL CHECK (kind IN ('activate', 'rollback')),
    generation integer NOT NULL REFERENCES generations (number),
    replaces   integer NOT NULL REFERENCES generations (number),
    state      text NOT NULL,
    force      boolean NOT NULL,
    skip_damaged boolean NOT NULL,
    review     boolean NOT NULL,
    approved_at timestamptz(3),
    cancelled  boolean NOT NULL DEFAULT false,
    report     text,
    error      text,
    created_at timestamptz(3) NOT NULL,
    updated_at timestamptz(3) NOT NULL
  );
  CREATE UNIQUE INDEX one_running_swap ON swaps ((true))
    WHERE state IN ('loading', 'warming', 'backfilling', 'verifying', 'ready');
  CREATE TABLE api_keys (
    id         text PRIMARY KEY,
    hash       text NOT NULL UNIQUE,
    role       text NOT NULL CHECK (role IN ('read', 'write', 'admin')),
    name       text NOT NULL,
    created_at timestamptz(3) NOT NULL
  );
  -- What each commit changed about vectors, for indexes that follow.
  CREATE TABLE changes (
    sequence   bigint PRIMARY KEY,
    encoders   integer[] NOT NULL,
    contents   bigint[] NOT NULL,
    removed    bigint[] NOT NULL
  );
  -- Contents that a server is embedding with an encoder.
  CREATE TABLE loans (
    encoder    integer NOT NULL,
    content    bigint NOT NULL,
    borrower   text NOT NULL,
    until      timestamptz NOT NULL,
    PRIMARY KEY (encoder, content)
  );
  CREATE INDEX loans_of_borrower ON loans (borrower);
  -- Servers, by the database's clock.
  CREATE TABLE servers (
    id          text PRIMARY KEY,
    url         text NOT NULL,
    started_at  timestamptz(3) NOT NULL,
    heard_at    timestamptz(3) NOT NULL,
    ready       boolean NOT NULL,
    generations integer[] NOT NULL
  );
  -- One row: who runs swaps, and how often that has changed.
  CREATE TABLE leadership (
    epoch       bigint NOT NULL,
    server      text NOT NULL
  );
  INSERT INTO leadership VALUES (0, '');
  -- Files that may have no image, since when; see blob-removal.ts.
  CREATE TABLE unused_blobs (
    sha256     text PRIMARY KEY,
    since      timestamptz NOT NULL
  );
`,
  "CREATE INDEX images_by_fields ON images USING gin (fields jsonb_path_ops)",
];

/** Makes the extension and the tables, or brings them up to date. `query` is of one transaction. */
export async function updateTables(query: Query, { migrates }: { migrates: boolean }): Promise<void> {
  await query("SELECT pg_advisory_xact_lock($1)", [MIGRATION_LOCK]);
  const [server] = await query<{ server_encoding: string }>("SHOW server_encoding");
  if (server!.server_encoding !== "UTF8") {
    throw invalid(
      `Expected a database in UTF8 but it is in ${server!.server_encoding}. Make it with: createdb -E UTF8`,
    );
  }
  try {
    await query("CREATE EXTENSION IF NOT EXISTS vector");
  } catch (error) {
    throw extensionError(error);
  }
  const [extension] = await query<{ version: string; newest: string }>(
    `SELECT e.extversion AS version, a.default_version AS newest
     FROM pg_extension e JOIN pg_available_extensions a ON a.name = e.extname WHERE e.extname = 'vector'`,
  );
  checkPgvector(extension!.version, extension!.newest);
  const [table] = await query<{ made: boolean; half: boolean }>(
    "SELECT to_regclass('moco_search') IS NOT NULL AS made, to_regclass('migration') IS NOT NULL AS half",
  );
  if (table!.made && table!.half && !migrates) {
    throw invalid("The migration to this database has not ended. Run it again; what was copied stays.");
  }
  const [row] = table!.made ? await query<{ version: number }>("SELECT version FROM moco_search") : [];
  const version = row?.version ?? 0;
  if (version > VERSIONS.length) {
    throw invalid(
      `Expected tables of version ${VERSIONS.length} or older but the database has version ${version}. Use the moco-search that made them, or another database.`,
    );
  }
  if (version === VERSIONS.length) return;
  for (const statements of VERSIONS.slice(version)) await query(statements);
  await query("UPDATE moco_search SET version = $1", [VERSIONS.length]);
}

const invalid = (message: string, cause?: unknown) => new AppError("invalid_configuration", message, { cause });

/** @throws AppError `invalid_configuration` where pgvector is too old. */
export function checkPgvector(version: string, newest: string): void {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  if (major > PGVECTOR[0] || (major === PGVECTOR[0] && minor >= PGVECTOR[1])) return;
  const remedy =
    newest === version
      ? "Install a newer pgvector on the database's machine, then run: ALTER EXTENSION vector UPDATE"
      : `Version ${newest} is installed on the database's machine already. Run: ALTER EXTENSION vector UPDATE`;
  throw invalid(`Expected pgvector ${PGVECTOR.join(".")} or later but the database has ${version}. ${remedy}`);
}

function extensionError(error: unknown): unknown {
  switch (codeOf(error)) {
    case "0A000":
    case "58P01":
      return invalid(
        "The database has no extension `vector`. Install pgvector on its machine, such as Debian's postgresql-17-pgvector.",
        error,
      );
    case "42501":
      return invalid(
        "The database's user may not make the extension `vector`. Let an administrator run, in this database: CREATE EXTENSION vector",
        error,
      );
    default:
      return error;
  }
}
