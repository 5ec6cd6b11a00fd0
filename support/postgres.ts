// Databases for tests, in the PostgreSQL that scripts/postgres.sh brings up.
import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { promisify } from "node:util";
import pg from "pg";
import { packageRoot } from "../core/paths.ts";

const script = join(packageRoot(), "scripts", "postgres.sh");

/**
 * Runs the script. `ends`: for its own server, whatever MOCO_SEARCH_TEST_POSTGRES names; that one is not ours to end.
 */
async function run(args: readonly string[], { ends }: { ends: boolean }): Promise<string> {
  const { MOCO_SEARCH_TEST_POSTGRES: named, ...env } = process.env;
  const { stdout } = await promisify(execFile)(script, args, { env: ends || named === undefined ? env : process.env });
  return stdout.trim();
}

/** Starts the server that {@link crashPostgres} has ended. */
export async function restartPostgres(): Promise<void> {
  await run(["start"], { ends: true });
}

/** Ends the server of databases that are made with `ends`, as a crash would. */
export async function crashPostgres(): Promise<void> {
  await run(["stop", "immediate"], { ends: true });
}

/** Runs one statement on the server. */
export async function runSql(url: string, statement: string): Promise<void> {
  const client = new pg.Client(url);
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}

/**
 * Makes an empty database, on a server that is started where it is not up; `remove` ends whoever is connected to it.
 *
 * @param options.ends The server is one that may be ended and started again, and is up when `remove` resolves.
 */
export async function createDatabase({ ends = false } = {}): Promise<{ url: string; remove(): Promise<void> }> {
  const server = await run(["start"], { ends });
  const name = `moco_test_${randomBytes(6).toString("hex")}`;
  await runSql(server, `CREATE DATABASE ${name} TEMPLATE template0 ENCODING 'UTF8'`);
  const url = new URL(server);
  url.pathname = `/${name}`;
  return {
    url: url.href,
    async remove() {
      if (ends) await restartPostgres();
      await runSql(server, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
    },
  };
}
