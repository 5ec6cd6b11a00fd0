// Connections to PostgreSQL: queries, transactions, and what is wrong where none can be opened.
import { randomUUID } from "node:crypto";
import pg from "pg";
import { AppError, hasErrno } from "../../../core/errors.ts";
import { asStorageError, codeOf, type Query } from "./query.ts";
import { updateTables } from "./schema.ts";

export interface Connection {
  readonly query: Query;
  /** Resolves when it is closed or lost. */
  readonly ended: Promise<void>;
  release(): void;
}

export interface Database {
  /** This server's, for what it borrows. */
  readonly id: string;
  /** A statement of its own. */
  readonly query: Query;
  /**
   * Runs `action` in one transaction (READ COMMITTED: each statement sees what is committed when it begins). It is run
   * again where it met a deadlock, so it must do nothing else. Where it throws nothing is written.
   */
  transaction<T>(action: (query: Query) => Promise<T>): Promise<T>;
  /**
   * A connection of its own, for locks that last as long as it. The database ends it after 10 seconds without a
   * statement.
   *
   * @param options.patient Its statements may take as long as they do.
   */
  connect(options?: { readonly patient?: boolean }): Promise<Connection>;
  close(): Promise<void>;
}

/** Connections of one server. */
const CONNECTIONS = 16;
/** An answer that takes longer does not come: the network is gone. A search in a hundred million vectors takes less. */
const QUERY_MS = 30_000;
const CONNECT_MS = 10_000;
/** A server that is silent for so long where others wait for it is cut off; the database lets go of what it holds. */
const SILENT_MS = 10_000;
/** A statement waits so long for a connection that others use. */
const QUEUE_MS = 30_000;
/** Tries of a transaction that met a deadlock. */
const TRIES = 5;

const BIGINT = 20;
const types = new pg.TypeOverrides();
types.setTypeParser(BIGINT, Number);

/**
 * Opens a database and brings its tables up to date; several servers may do so at once.
 *
 * @param url postgres://user:password@host:port/database
 * @param options.migrates Opens one that a migration has not finished filling.
 * @throws AppError `invalid_configuration` that says what is wrong with the address, the rights, the extension
 *   `vector` or the version of the tables.
 */
export async function openDatabase(url: string, { migrates = false } = {}): Promise<Database> {
  const options = {
    connectionString: checkUrl(url),
    application_name: "moco-search",
    connectionTimeoutMillis: CONNECT_MS,
    query_timeout: QUERY_MS,
    idle_in_transaction_session_timeout: SILENT_MS,
    keepAlive: true,
    types,
  };
  const pool = new pg.Pool({ ...options, max: CONNECTIONS, connectionTimeoutMillis: QUEUE_MS });
  // A connection may be lost while nobody uses it, or inside a transaction between two statements. Without a listener
  // Node would end the process; the next statement says it, or opens another connection.
  pool.on("error", () => {});
  pool.on("connect", (client) => client.on("error", () => {}));
  const database = createDatabase(
    pool,
    (patient) => new pg.Client(patient ? { ...options, query_timeout: 0 } : options),
  );
  try {
    (await database.connect()).release(); // says sooner than the pool that nothing answers
    await database.transaction((query) => updateTables(query, { migrates }));
  } catch (error) {
    await pool.end();
    throw asStartError(error, url);
  }
  return database;
}

function createDatabase(pool: pg.Pool, createClient: (patient: boolean) => pg.Client): Database {
  const queryOf =
    (client: pg.Pool | pg.PoolClient | pg.Client): Query =>
    async <Row extends object>(text: string, values: readonly unknown[] = []) => {
      try {
        return (await client.query<Row>(text, [...values])).rows;
      } catch (error) {
        throw asStorageError(error);
      }
    };

  const runOnce = async <T>(action: (query: Query) => Promise<T>): Promise<T> => {
    const client = await pool.connect().catch((error) => {
      throw asStorageError(error);
    });
    const query = queryOf(client);
    let broken = true;
    try {
      await query("BEGIN");
      const value = await action(query);
      await query("COMMIT");
      broken = false;
      return value;
    } catch (error) {
      // Where even this fails the connection is closed, and the server rolls back.
      broken =
        isUnavailable(error) ||
        (await query("ROLLBACK").then(
          () => false,
          () => true,
        ));
      throw error;
    } finally {
      client.release(broken);
    }
  };

  return {
    id: randomUUID(),
    query: queryOf(pool),
    async transaction(action) {
      for (let attempt = 1; ; attempt++) {
        try {
          return await runOnce(action);
        } catch (error) {
          if (codeOf(error) !== "40P01" || attempt === TRIES) throw error;
        }
      }
    },
    async connect({ patient = false } = {}) {
      const client = createClient(patient);
      const ended = new Promise<void>((resolve) => client.once("end", resolve));
      client.on("error", () => {});
      try {
        await client.connect();
        await client.query(`SET idle_session_timeout = ${SILENT_MS}`);
      } catch (error) {
        void client.end().catch(() => {});
        throw asStorageError(error);
      }
      return { query: queryOf(client), ended, release: () => void client.end().catch(() => {}) };
    },
    close: () => pool.end(),
  };
}

const isUnavailable = (error: unknown): boolean => error instanceof AppError && error.code === "storage_unavailable";

function checkUrl(url: string): string {
  if (URL.canParse(url) && /^postgres(ql)?:$/.test(new URL(url).protocol) && new URL(url).pathname.length > 1)
    return url;
  throw new AppError(
    "invalid_configuration",
    "Expected the address of a database such as postgres://user:password@host:5432/moco but received another one.",
  );
}

/** Why a database cannot be opened, in words that say what to do; its password is never among them. */
function asStartError(error: unknown, url: string): unknown {
  if (error instanceof AppError && error.code !== "storage_unavailable") return error;
  const cause = error instanceof AppError ? error.cause : error;
  const { host, pathname, username } = new URL(url);
  const name = decodeURIComponent(pathname.slice(1));
  const problem = (text: string) => new AppError("invalid_configuration", text, { cause });
  switch (codeOf(cause)) {
    case "28P01":
    case "28000":
      return problem(`The database at ${host} refuses the user "${username}". Check name and password.`);
    case "3D000":
      return problem(`There is no database "${name}" at ${host}. Make it first: createdb ${name}`);
    case "42501":
      return problem(
        `The user "${username}" may not make tables in the database "${name}". Grant it: GRANT CREATE ON SCHEMA public TO ${username}`,
      );
    case "42P07":
      return problem(
        `The database "${name}" has tables of another program under the names that moco-search uses. Give moco-search a database of its own.`,
      );
  }
  if (hasErrno(cause, "ENOTFOUND") || isUnavailable(error)) {
    return problem(`No database answers at ${host}: ${(cause as Error).message || codeOf(cause)}. Check the address.`);
  }
  return error;
}
