// A folder that keeps what each run of a comparison came to, one JSON file for each, so that none is done twice.
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { AppError, hasErrno } from "../../core/errors.ts";
import { asWriteFailure, replaceFile } from "../../core/files.ts";

/** What is kept in a folder, by name. */
export interface Results {
  /**
   * What was kept, as it was written; undefined where nothing was.
   *
   * @throws AppError `invalid_configuration` where the file is not JSON.
   */
  read<T>(name: string): Promise<T | undefined>;
  write(name: string, value: object): Promise<void>;
}

/** @throws AppError `invalid_configuration`, `storage_full` where the folder cannot be made. */
export async function openResults(folder: string): Promise<Results> {
  await mkdir(folder, { recursive: true }).catch((error) => {
    throw asWriteFailure(error, folder, "Choose another folder for the results.");
  });
  const fileOf = (name: string) => join(folder, `${name}.json`);
  return {
    async read(name) {
      const file = fileOf(name);
      const text = await readFile(file, "utf8").catch((error) => {
        if (hasErrno(error, "ENOENT")) return undefined;
        throw error;
      });
      if (text === undefined) return undefined;
      try {
        return JSON.parse(text);
      } catch (cause) {
        const message = `Expected the outcome of a run in ${file} but it is not JSON. Delete it.`;
        throw new AppError("invalid_configuration", message, { cause });
      }
    },
    write: (name, value) => replaceFile(fileOf(name), `${JSON.stringify(value, null, 2)}\n`),
  };
}
