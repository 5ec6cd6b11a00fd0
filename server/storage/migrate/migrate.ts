// Moves everything that a storage has into another one: records, embeddings and files, as they are. It can be
// interrupted and run again; nothing counts until both sides have been compared.
import { createHash } from "node:crypto";
import pMap from "p-map";
import { AppError } from "../../../core/errors.ts";
import type { Blobs } from "../ports.ts";
import { type Archive, type Row, TABLES, type Table } from "./tables.ts";

/** A storage, as a migration sees it. */
export interface Place {
  /** What it is called in messages, without a password. */
  readonly name: string;
  readonly archive: Archive;
  readonly images: Blobs;
  readonly models: Blobs;
  close(): Promise<void>;
}

export interface MigrationReport {
  readonly rows: Readonly<Record<string, number>>;
  readonly files: number;
  /** Files that this run has copied; others were there. */
  readonly copied: number;
  readonly bytes: number;
}

/** Rows read and written at a time. */
const BATCH = 500;
/** Files on their way at a time. */
const FILES = 8;

/**
 * Copies everything from one place to another that is empty, or that the same migration has begun to fill.
 *
 * @throws AppError where a file is missing or damaged, or the two sides differ in the end; run it again once that is
 *   mended.
 */
export async function migrate(
  from: Place,
  to: Place,
  onProgress: (what: string, done: number) => void = () => {},
): Promise<MigrationReport> {
  await to.archive.begin(from.name);
  for (const table of TABLES) {
    let done = 0;
    for await (const rows of rowsOf(from.archive, table, await to.archive.last(table))) {
      await to.archive.write(table, rows);
      done += rows.length;
      onProgress(table.name, done);
    }
  }
  const files = await copyFiles(from, to, onProgress);
  const rows: Record<string, number> = {};
  for (const table of TABLES) {
    const [before, after] = [await digest(from.archive, table), await digest(to.archive, table)];
    if (before.hash !== after.hash) {
      throw new AppError(
        "internal",
        `The copy of ${table.name} differs: ${before.count} rows in ${from.name} and ${after.count} in ${to.name}. Empty ${to.name} and migrate again.`,
      );
    }
    rows[table.name] = after.count;
    onProgress(`${table.name}: compared`, after.count);
  }
  await to.archive.finish(await from.archive.numbers());
  return { rows, ...files };
}

async function* rowsOf(archive: Archive, table: Table, after?: Row): AsyncGenerator<Row[]> {
  for (let last = after; ; ) {
    const rows = await archive.read(table, last, BATCH);
    if (rows.length > 0) yield rows;
    if (rows.length < BATCH) return;
    last = rows.at(-1);
  }
}

/** SHA-256 over all rows in the order of their keys. */
async function digest(archive: Archive, table: Table): Promise<{ hash: string; count: number }> {
  const hash = createHash("sha256");
  let count = 0;
  for await (const rows of rowsOf(archive, table)) {
    for (const row of rows) hash.update(`${JSON.stringify(row, asPlain)}\n`);
    count += rows.length;
  }
  return { hash: hash.digest("hex"), count };
}

const asPlain = (_key: string, value: unknown) => (value instanceof Float32Array ? Array.from(value) : value);

/** Copies the files of every image and of the models that records name, and reads each back. */
async function copyFiles(from: Place, to: Place, onProgress: (what: string, done: number) => void) {
  const totals = { files: 0, copied: 0, bytes: 0 };
  const copy = async (source: Blobs, target: Blobs, has: ReadonlySet<string>, hash: string, isNeeded: boolean) => {
    if (!has.has(hash)) {
      const bytes = await source.get(hash);
      if (!bytes && !isNeeded) return;
      if (!bytes) throw incomplete(from.name, hash, "is missing");
      await target.put(hash, bytes);
      totals.copied++;
    }
    const back = await target.get(hash); // checks its SHA-256
    if (!back) throw incomplete(to.name, hash, "did not arrive");
    totals.bytes += back.length;
    onProgress("files", ++totals.files);
  };
  const models = new Set<string>();
  for await (const rows of rowsOf(from.archive, TABLES.find(({ name }) => name === "generations")!)) {
    for (const { card } of rows) models.add((JSON.parse(card as string) as { sha256: string }).sha256);
  }
  // Models of generations that are gone may be gone too.
  const hasModels = await listed(to.models);
  for (const hash of models) await copy(from.models, to.models, hasModels, hash, false);
  const hasImages = await listed(to.images);
  for await (const rows of rowsOf(from.archive, TABLES.find(({ name }) => name === "contents")!)) {
    await pMap(rows, ({ sha256 }) => copy(from.images, to.images, hasImages, sha256 as string, true), {
      concurrency: FILES,
    });
  }
  return totals;
}

async function listed(blobs: Blobs): Promise<ReadonlySet<string>> {
  const all = new Set<string>();
  for await (const hash of blobs.list()) all.add(hash);
  return all;
}

const incomplete = (name: string, hash: string, how: string) =>
  new AppError(
    "invalid_configuration",
    `The file ${hash} in ${name} ${how}. Mend it, or delete its image, and migrate again: what was copied stays.`,
  );
