// Takes a folder for one process.
import { closeSync, openSync } from "node:fs";
import { join } from "node:path";
import Database from "better-sqlite3";
import { isDiskFull } from "./files.ts";

/** Name of the lock in a folder. It stays there when nobody holds it. */
export const LOCK_FILE = "lock";

/** A folder that was taken, or the process that has it. */
export type FolderLock = { readonly free: () => void } | { readonly heldBy: number };

/**
 * Takes a folder for this process. It is SQLite's lock on a file, which the operating system frees when the process
 * ends, however it ends: a dead holder's lock is taken over.
 *
 * @throws Error of the file system or SQLite where the lock cannot be written.
 */
export function lockFolder(folder: string): FolderLock {
  const path = join(folder, LOCK_FILE);
  closeSync(openSync(path, "a", 0o600)); // SQLite would make it readable to others
  const lock = new Database(path, { timeout: 0 });
  try {
    lock.pragma("journal_mode = MEMORY"); // a journal file would take room, which a full disk does not have
    lock.pragma("synchronous = OFF");
    sayHolder(lock);
    lock.exec("BEGIN IMMEDIATE"); // others can read who holds it
    return { free: () => lock.close() };
  } catch (error) {
    const isHeld = error instanceof Database.SqliteError && error.code.startsWith("SQLITE_BUSY");
    const heldBy = isHeld ? Number(lock.pragma("user_version", { simple: true })) : 0;
    lock.close();
    if (isHeld) return { heldBy };
    throw error;
  }
}

function sayHolder(lock: Database.Database): void {
  try {
    lock.pragma(`user_version = ${process.pid}`);
  } catch (error) {
    if (!isDiskFull(error)) throw error; // a full disk hinders nobody from holding it
  }
}
