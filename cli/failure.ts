// The command line's error messages: a sentence for what the user can fix; for a bug of ours, the stack.
import { readFileSync } from "node:fs";
import { AppError, hasErrno } from "../core/errors.ts";

/** The message of a failure, for stderr. */
export function describeFailure(error: unknown): string {
  if (error instanceof AppError) return `moco-search: ${error.message} (${error.code})`;
  const broken = brokenAddon(error);
  if (broken) {
    return `moco-search: ${broken} cannot be loaded by Node ${process.version}: it was built for another version of Node, or not at all. Build it again with: npm rebuild`;
  }
  const limit = openFileLimit();
  if (hasErrno(error, "EMFILE") || hasErrno(error, "ENFILE") || limit < FEW_FILES) {
    const few = Number.isNaN(limit) ? "too few files at a time" : `only ${limit} files at a time, which is too few`;
    return `moco-search: this process may open ${few}. Allow more of them: ulimit -n 4096`;
  }
  if (isSystemError(error)) return `moco-search: ${error.message}. Check the path.`;
  const shown = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return `moco-search: this should not have happened; please report it.\n${shown}`;
}

/** With fewer open files Node cannot load modules, and reports them as missing. */
const FEW_FILES = 128;

/** How many files this process may have open; NaN if unknown. */
function openFileLimit(): number {
  try {
    return Number(/^Max open files\s+(\d+)/m.exec(readFileSync("/proc/self/limits", "utf8"))?.[1] ?? Number.NaN);
  } catch {
    return Number.NaN; // not Linux, or not one more file can be opened
  }
}

/** The package whose native addon does not fit this Node, if `error` is about that. */
function brokenAddon(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  const isBroken =
    ("code" in error && error.code === "ERR_DLOPEN_FAILED") || /Could not locate the bindings file/.test(error.message);
  if (!isBroken) return undefined;
  return /node_modules[\\/]((?:@[^\\/]+[\\/])?[^\\/]+)/.exec(`${error.message} ${error.stack}`)?.[1] ?? "a library";
}

/** True for a system error about a file or folder, such as ENOENT with a path. */
function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && "syscall" in error && "path" in error;
}
