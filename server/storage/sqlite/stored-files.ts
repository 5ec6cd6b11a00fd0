// What a database says is kept in files, read beside a server that may be using it. Nothing is changed: an older
// version of the database is read as it is.
import Database from "better-sqlite3";
import type { ModelCard } from "../../../core/model-card.ts";
import type { Content } from "../../domain/content.ts";
import { checkVersion } from "./database.ts";
import { pages } from "./pages.ts";

/** The files that a database knows. */
export interface StoredFiles {
  /** Contents, in the order of their numbers; each batch as the database is when it is read. */
  contents(): AsyncIterable<readonly Content[]>;
  countContents(): number;
  countImages(): number;
  has(content: Pick<Content, "number" | "sha256">): boolean;
  hasSha256(sha256: string): boolean;
  /** Ids of the images with a content. */
  imagesWith(content: number): string[];
  /** Models that a generation may still be opened from. A swap that has just begun copies that of its candidate. */
  models(): Array<Pick<ModelCard, "name" | "sha256"> & { readonly isCandidate: boolean }>;
  encoders(): number[];
  /** What SQLite finds wrong with the database itself: a line for each, none where it is sound. */
  problems(): string[];
  /** Copies the whole database, as it is at one moment, to a file. */
  copyTo(path: string): Promise<void>;
  close(): void;
}

const BATCH = 500;
/** Pages of a database that one step copies: all of them. */
const ALL_PAGES = 2 ** 31 - 1;

/**
 * Opens the database file at `path` for reading.
 *
 * @throws AppError `invalid_configuration` where a newer version of moco-search wrote it; SqliteError.
 */
export function readStoredFiles(path: string): StoredFiles {
  const database = new Database(path, { readonly: true, fileMustExist: true });
  checkVersion(database, path);
  const after = database.prepare<[number, number], Content>(
    "SELECT number, sha256, bytes FROM contents WHERE number > ? ORDER BY number LIMIT ?",
  );
  const countContents = database.prepare<[], number>("SELECT count(*) FROM contents").pluck();
  const countImages = database.prepare<[], number>("SELECT count(*) FROM images").pluck();
  const has = database.prepare("SELECT 1 FROM contents WHERE number = ? AND sha256 = ?");
  const hasSha256 = database.prepare("SELECT 1 FROM contents WHERE sha256 = ?");
  const ids = database.prepare<[number], string>("SELECT id FROM images WHERE content = ? ORDER BY number").pluck();
  const generations = database.prepare<[], { card: string; state: string }>(
    "SELECT card, state FROM generations WHERE state IN ('candidate', 'active', 'retired')",
  );
  const encoders = database.prepare<[], number>("SELECT number FROM encoders").pluck();
  return {
    contents: () => pages((number, limit) => after.all(number, limit), BATCH),
    countContents: () => countContents.get()!,
    countImages: () => countImages.get()!,
    has: ({ number, sha256 }) => has.get(number, sha256) !== undefined,
    hasSha256: (sha256) => hasSha256.get(sha256) !== undefined,
    imagesWith: (content) => ids.all(content),
    models: () =>
      generations.all().map(({ card, state }) => {
        const { name, sha256 } = JSON.parse(card) as ModelCard;
        return { name, sha256, isCandidate: state === "candidate" };
      }),
    encoders: () => encoders.all(),
    problems() {
      const found = database.pragma("integrity_check") as Array<{ integrity_check: string }>;
      const lost = database.pragma("foreign_key_check") as Array<{ table: string; rowid: number; parent: string }>;
      return [
        ...found.map((row) => row.integrity_check).filter((line) => line !== "ok"),
        ...lost.map(({ table, rowid, parent }) => `row ${rowid} of ${table} has no row in ${parent}`),
      ];
    },
    async copyTo(path) {
      // SQLite begins again where another process writes between two steps: under load only a single step gets through.
      await database.backup(path, { progress: () => ALL_PAGES });
    },
    close: () => void database.close(),
  };
}
