import Database from "better-sqlite3";
import { AppError, hasErrno } from "../../core/errors.ts";

/** `error` as AppError `storage_full` where the disk or the quota is full; any other error unchanged. */
export function asStorageError(error: unknown): unknown {
  const full =
    hasErrno(error, "ENOSPC") ||
    hasErrno(error, "EDQUOT") ||
    (error instanceof Database.SqliteError && error.code === "SQLITE_FULL");
  if (!full) return error;
  return new AppError(
    "storage_full",
    "There is no room left in the data folder. Nothing was stored; free some space.",
    {
      cause: error,
    },
  );
}
