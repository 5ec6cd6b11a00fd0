import { AppError } from "../../core/errors.ts";
import { isDiskFull } from "../../core/files.ts";

/** True where SQLite says that a file is no database, or a damaged one. */
export const isDamagedDatabase = (error: unknown): boolean => /^SQLITE_(CORRUPT|NOTADB)/.test(codeOf(error));

const codeOf = (error: unknown) => (error instanceof Error && "code" in error ? String(error.code) : "");

/** A failure to open a data folder in words that say what to do; any other error unchanged. */
export function asFolderFailure(error: unknown, folder: string): unknown {
  if (!(error instanceof Error) || error instanceof AppError) return error;
  const code = codeOf(error);
  const refuse = (message: string) => new AppError("invalid_configuration", message, { cause: error });
  if (isDiskFull(error)) {
    const message = `Expected some room for the data folder ${folder} but its disk is full. Nothing is lost; free some space.`;
    return new AppError("storage_full", message, { cause: error });
  }
  if (isDamagedDatabase(error)) {
    return refuse(
      `The database in ${folder} is damaged: ${error.message}. Restore a backup into another folder: moco-search restore <backup> --data <folder>`,
    );
  }
  if (/^(EMFILE|ENFILE)$/.test(code)) {
    return refuse(`This process may not open enough files for ${folder}. Allow more of them: ulimit -n 4096`);
  }
  if (/^(EACCES|EPERM|EROFS|ENOTDIR|EEXIST|SQLITE_READONLY|SQLITE_PERM|SQLITE_CANTOPEN)/.test(code)) {
    return refuse(
      `Expected to read and write the data folder ${folder} but cannot: ${error.message}. Give it to the user of this process, or name another one with --data.`,
    );
  }
  if (/^(EIO|SQLITE_IOERR)/.test(code)) {
    return refuse(`The disk of the data folder ${folder} fails: ${error.message}.`);
  }
  return error;
}
