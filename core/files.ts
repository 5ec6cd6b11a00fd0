// Writing files so that a crash leaves the whole old or the whole new file, never a part.
import { randomBytes } from "node:crypto";
import { mkdir, open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { AppError, hasErrno } from "./errors.ts";

/** Fsync of a file, or of a folder after a rename or a new entry in it. */
export async function sync(path: string): Promise<void> {
  const handle = await open(path, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** What a file is to hold: also parts, one after another, which are not put together in memory first. */
export type Content = Uint8Array | string | readonly Uint8Array[];

/** Writes `content` and returns once it is on disk. */
export async function writeDurably(path: string, content: Content): Promise<void> {
  const handle = await open(path, "w");
  try {
    await handle.writeFile(content as Uint8Array); // its types do not know iterables of parts, which it takes
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/**
 * Replaces the file at `path` atomically and durably: a temporary file beside it, fsync, rename, fsync of the folder.
 * The folder is made where it is missing. On failure the temporary file is removed and the old file stays.
 */
export async function replaceFile(path: string, content: Content): Promise<void> {
  const folder = dirname(path);
  await mkdir(folder, { recursive: true });
  const temporary = temporaryName(path);
  try {
    await writeDurably(temporary, content);
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await sync(folder);
}

/** A name beside `path` that nothing else uses; readers skip names that end in `.tmp`. */
export function temporaryName(path: string): string {
  return `${path}.${randomBytes(6).toString("hex")}.tmp`;
}

/** True where a file system or SQLite has no room left, or the user's quota is used up. */
export function isDiskFull(error: unknown): boolean {
  return ["ENOSPC", "EDQUOT", "SQLITE_FULL", "SQLITE_IOERR_SHMSIZE"].some((code) => hasErrno(error, code));
}

/**
 * A failed write as an AppError that says what to do: `storage_full` where the disk or the quota is used up,
 * `invalid_configuration` where the place cannot be written to. Other errors stay as they are.
 *
 * @param what What was to be written, such as "the image cache /tmp/cache".
 * @param remedy A sentence that says what to do, such as "Choose another cache folder."
 */
export function asWriteFailure(error: unknown, what: string, remedy: string): unknown {
  if (isDiskFull(error)) {
    return new AppError("storage_full", `Expected room for ${what} but the disk is full. Make room, or: ${remedy}`, {
      cause: error,
    });
  }
  if (["EACCES", "EPERM", "EROFS", "ENOTDIR", "EEXIST"].some((code) => hasErrno(error, code))) {
    return new AppError(
      "invalid_configuration",
      `Expected to write ${what} but cannot: ${(error as Error).message}. ${remedy}`,
      { cause: error },
    );
  }
  return error;
}
