// The data folder: its layout, and which folder may become one.
import { existsSync } from "node:fs";
import { mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import { AppError } from "../../core/errors.ts";
import { type BlobFolder, createBlobFolder } from "./files/blob-folder.ts";
import { asFolderFailure } from "./folder-failure.ts";

/** Name of the database in a data folder. */
export const DATABASE_FILE = "moco-search.db";

/** Files in spite of which a folder may become a data folder: those of a killed start, and ext4's own folder. */
const HARMLESS = ["lock", "lock-journal", "lost+found"];
/** Most names that the refusal shows. */
const SHOWN = 3;

/** The image files of a data folder. */
export const imageFiles = (folder: string): BlobFolder =>
  createBlobFolder(join(folder, "files"), { sharded: true, ending: "" });

/** The ONNX files of a data folder. */
export const encoderFiles = (folder: string): BlobFolder =>
  createBlobFolder(join(folder, "models"), { sharded: false, ending: ".onnx" });

/**
 * Creates a data folder if there is none; only its owner can read a new one.
 *
 * @throws AppError `invalid_configuration` where the folder holds files and no database: they are somebody else's, or
 *   the database of these images is lost.
 */
export async function makeDataFolder(folder: string): Promise<void> {
  const names = await makeFolder(folder);
  if (names.length === 0 || names.includes(DATABASE_FILE)) return;
  throw new AppError(
    "invalid_configuration",
    `Expected an empty folder or the data folder of a server at ${folder} but it holds files (${some(names)}) and no ${DATABASE_FILE}. Nothing was touched. Name another folder with --data, or restore a backup into one: moco-search restore`,
  );
}

/**
 * As {@link makeDataFolder}, for a folder that is to be written anew.
 *
 * @throws AppError `invalid_configuration` where the folder holds files.
 */
export async function makeEmptyFolder(folder: string): Promise<void> {
  const names = await makeFolder(folder);
  if (names.length === 0) return;
  throw new AppError(
    "invalid_configuration",
    `Expected an empty folder at ${folder}, or none, but it holds files (${some(names)}). Nothing was touched. Name another one.`,
  );
}

/** @throws AppError `invalid_configuration` where the folder has no database. */
export function checkIsDataFolder(folder: string): void {
  if (existsSync(join(folder, DATABASE_FILE))) return;
  throw new AppError(
    "invalid_configuration",
    `Expected the data folder of a server at ${folder} but it is none. Name it with --data.`,
  );
}

/** Makes a folder where there is none; what it holds, in order. */
async function makeFolder(folder: string): Promise<string[]> {
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    return (await readdir(folder)).filter((name) => !HARMLESS.includes(name)).sort();
  } catch (error) {
    throw asFolderFailure(error, folder);
  }
}

const some = (names: readonly string[]) =>
  [...names.slice(0, SHOWN), ...(names.length > SHOWN ? ["…"] : [])].join(", ");
