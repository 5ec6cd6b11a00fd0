// The SQLite database: the truth about images, embeddings, generations and swaps.
import { closeSync, openSync } from "node:fs";
import Database from "better-sqlite3";
import { AppError } from "../../../core/errors.ts";
import { lockFolder } from "../../../core/folder-lock.ts";

export type SqliteDatabase = Database.Database;

// Each version of the database adds its statements to the one before. Numbers are never used again after a delete.
const VERSIONS = [
  `
  CREATE TABLE contents (
    number     INTEGER PRIMARY KEY AUTOINCREMENT,
    sha256     TEXT NOT NULL UNIQUE,
    type       TEXT NOT NULL,
    width      INTEGER NOT NULL,
    height     INTEGER NOT NULL,
    bytes      INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE images (
    number     INTEGER PRIMARY KEY AUTOINCREMENT,
    id         TEXT NOT NULL UNIQUE,
    content    INTEGER NOT NULL REFERENCES contents (number),
    metadata   TEXT NOT NULL,
    created_at TEXT NOT NULL
  ) STRICT;
  CREATE INDEX images_of_content ON images (content, number);
  CREATE TABLE encoders (
    number     INTEGER PRIMARY KEY,
    key        TEXT NOT NULL UNIQUE
  ) STRICT;
  CREATE TABLE embeddings (
    encoder    INTEGER NOT NULL REFERENCES encoders (number),
    content    INTEGER NOT NULL REFERENCES contents (number),
    vector     BLOB NOT NULL,
    PRIMARY KEY (encoder, content)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX embeddings_of_content ON embeddings (content);
  CREATE TABLE generations (
    number     INTEGER PRIMARY KEY AUTOINCREMENT,
    encoder    INTEGER NOT NULL REFERENCES encoders (number),
    card       TEXT NOT NULL,
    state      TEXT NOT NULL CHECK (state IN ('candidate', 'active', 'retired', 'gone', 'failed')),
    created_at TEXT NOT NULL
  ) STRICT;
  CREATE UNIQUE INDEX one_active_generation ON generations (state) WHERE state = 'active';
  CREATE UNIQUE INDEX one_retired_generation ON generations (state) WHERE state = 'retired';
  CREATE TABLE swaps (
    number     INTEGER PRIMARY KEY AUTOINCREMENT,
    id         TEXT NOT NULL UNIQUE,
    kind       TEXT NOT NULL CHECK (kind IN ('activate', 'rollback')),
    generation INTEGER NOT NULL REFERENCES generations (number),
    replaces   INTEGER NOT NULL REFERENCES generations (number),
    state      TEXT NOT NULL,
    report     TEXT,
    error      TEXT,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL
  ) STRICT;
`,
  // Uploads with an Idempotency-Key: what each file became. API keys.
  `
  CREATE TABLE keyed_uploads (
    key        TEXT NOT NULL,
    position   INTEGER NOT NULL,
    content    TEXT NOT NULL,
    record     TEXT NOT NULL,
    created_at TEXT NOT NULL,
    PRIMARY KEY (key, position)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX keyed_uploads_by_age ON keyed_uploads (created_at);
  CREATE TABLE api_keys (
    id         TEXT PRIMARY KEY,
    hash       TEXT NOT NULL UNIQUE,
    role       TEXT NOT NULL CHECK (role IN ('read', 'write', 'admin')),
    name       TEXT NOT NULL,
    created_at TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;
`,
  // Swaps that switch even where the candidate finds less than the active model.
  "ALTER TABLE swaps ADD COLUMN force INTEGER NOT NULL DEFAULT 0",
  // The number of the last commit that changed vectors. How many embeddings an encoder has, kept by triggers: counting
  // them at each switch would read the whole table, vectors included.
  `
  CREATE TABLE sequence (number INTEGER NOT NULL) STRICT;
  INSERT INTO sequence VALUES (0);
  ALTER TABLE encoders ADD COLUMN embedded INTEGER NOT NULL DEFAULT 0;
  UPDATE encoders SET embedded = (SELECT count(*) FROM embeddings WHERE encoder = encoders.number);
  CREATE TRIGGER embedding_added AFTER INSERT ON embeddings BEGIN
    UPDATE encoders SET embedded = embedded + 1 WHERE number = NEW.encoder;
  END;
  CREATE TRIGGER embedding_removed AFTER DELETE ON embeddings BEGIN
    UPDATE encoders SET embedded = embedded - 1 WHERE number = OLD.encoder;
  END;
`,
  // Swaps that go on without images whose files are missing or damaged.
  "ALTER TABLE swaps ADD COLUMN skip_damaged INTEGER NOT NULL DEFAULT 0",
  // Swaps that wait for approval.
  `
  ALTER TABLE swaps ADD COLUMN review INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE swaps ADD COLUMN approved_at TEXT;
`,
];

/**
 * Opens or creates the database file; commits are on disk when they return.
 *
 * @param options.migrates Opens one that a migration has not finished filling.
 * @throws AppError `invalid_configuration` where a newer version of moco-search wrote the file.
 */
export function openDatabase(path: string, { migrates = false } = {}): SqliteDatabase {
  makePrivate(path);
  const database = new Database(path);
  try {
    database.pragma("journal_mode = WAL");
    database.pragma("synchronous = FULL");
    database.pragma("foreign_keys = ON");
    const version = checkVersion(database, path);
    const isHalf = database.prepare("SELECT 1 FROM sqlite_master WHERE name = 'migration'").get() !== undefined;
    if (isHalf && !migrates) {
      throw new AppError(
        "invalid_configuration",
        `The migration to ${path} has not ended. Run it again; what was copied stays.`,
      );
    }
    if (version < VERSIONS.length) upgrade(database, version); // else nothing is written: the disk may be full
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

/** Brings a database of an older version up to date. */
function upgrade(database: SqliteDatabase, version: number): void {
  database.transaction(() => {
    for (const statements of VERSIONS.slice(version)) database.exec(statements);
    database.pragma(`user_version = ${VERSIONS.length}`);
  })();
}

/**
 * The version of a database.
 *
 * @throws AppError `invalid_configuration` where a newer version of moco-search wrote it.
 */
export function checkVersion(database: SqliteDatabase, path: string): number {
  const version = Number(database.pragma("user_version", { simple: true }));
  if (version <= VERSIONS.length) return version;
  throw new AppError(
    "invalid_configuration",
    `Expected a data folder of version ${VERSIONS.length} or older but ${path} has version ${version}. Use the moco-search that wrote it, or another data folder.`,
  );
}

/** Creates the file, readable by its owner alone, if there is none. SQLite gives the files beside it the same mode. */
function makePrivate(path: string): void {
  closeSync(openSync(path, "a", 0o600));
}

/**
 * Takes the data folder for this process; the operating system frees it when the process ends, however it ends.
 *
 * @returns Frees the folder.
 * @throws AppError `invalid_configuration` where another server uses the folder.
 */
export function lockDataFolder(folder: string): () => void {
  const lock = lockFolder(folder);
  if ("free" in lock) return lock.free;
  throw new AppError(
    "invalid_configuration",
    `Another server uses the data folder ${folder}. Stop it or choose another data folder.`,
  );
}
