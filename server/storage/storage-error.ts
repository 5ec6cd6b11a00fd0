import { AppError } from "../../core/errors.ts";
import { isDiskFull } from "../../core/files.ts";

/** `error` as AppError `storage_full` where the disk or the quota is full; any other error unchanged. */
export function asStorageError(error: unknown): unknown {
  if (!isDiskFull(error)) return error;
  return new AppError(
    "storage_full",
    "There is no room left in the data folder. Nothing was stored; free some space.",
    { cause: error },
  );
}
