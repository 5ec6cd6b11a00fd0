// A statement of PostgreSQL, and what its failure means.
import { AppError } from "../../../core/errors.ts";

/** Runs one statement; values stand for $1, $2, … */
export type Query = <Row extends object>(text: string, values?: readonly unknown[]) => Promise<Row[]>;

/** The SQLSTATE of an error of PostgreSQL's, or Node's code of a system error. */
export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}

/** `error` as AppError where the database is full or cannot be reached; any other error unchanged. */
export function asStorageError(error: unknown): unknown {
  const code = codeOf(error);
  if (code === "53100") {
    return new AppError("storage_full", "There is no room left on the database's disk. Nothing was stored.", {
      cause: error,
    });
  }
  if (!(error instanceof Error)) return error;
  // Lost or refused connections, those of too many clients included, and a database that stops or starts.
  const isAway =
    (code !== undefined && /^(08...|25P03|57P0.|53300|E[A-Z]+)$/.test(code) && !(error instanceof AppError)) ||
    /^(Connection terminated|Query read timeout|timeout expired|timeout exceeded|Client has encountered a connection error)/i.test(
      error.message,
    );
  if (!isAway) return error;
  return new AppError("storage_unavailable", "The database cannot be reached. Try again in a few seconds.", {
    cause: error,
  });
}
