// Databases for tests, in the PostgreSQL that scripts/postgres.sh brings up.
import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { promisify } from "node:util";
import pg from "pg";
import { packageRoot } from "../core/paths.ts";

const script = join(packageRoot(), "scripts", "postgres.sh");

/** The address of the server, which is started where it is not up. */
export async function startPostgres(): Promise<string> {
  const { stdout } = await promisify(execFile)(script, ["start"]);
  return stdout.trim();
}

/** Ends the server; `immediate` as a crash would. */
export async function stopPostgres(how: "fast" | "immediate"): Promise<void> {
  await promisify(execFile)(script, ["stop", how]);
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

/** Makes an empty database; `remove` ends whoever is connected to it. */
export async function createDatabase(): Promise<{ url: string; remove(): Promise<void> }> {
  const server = await startPostgres();
  const name = `moco_test_${randomBytes(6).toString("hex")}`;
  await runSql(server, `CREATE DATABASE ${name} TEMPLATE template0 ENCODING 'UTF8'`);
  const url = new URL(server);
  url.pathname = `/${name}`;
  return { url: url.href, remove: () => runSql(server, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`) };
}
