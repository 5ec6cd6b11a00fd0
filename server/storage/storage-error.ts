import { AppError, hasErrno } from "../../core/errors.ts";
import { isDiskFull } from "../../core/files.ts";

/**
 * `error` as AppError `storage_full` where the disk or the quota is full, as `overloaded` where no more files can be
 * opened; any other error unchanged.
 */
export function asStorageError(error: unknown): unknown {
  if (hasErrno(error, "EMFILE") || hasErrno(error, "ENFILE")) {
    return new AppError("overloaded", "The server may not open more files: allow more of them with ulimit -n.", {
      cause: error,
    });
  }
  if (!isDiskFull(error)) return error;
  return new AppError(
    "storage_full",
    "There is no room left in the data folder. Nothing was stored; free some space.",
    { cause: error },
  );
}
