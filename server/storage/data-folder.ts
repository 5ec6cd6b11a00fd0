// The data folder: its layout, and which folder may become one.
import { mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import { AppError } from "../../core/errors.ts";
import { type BlobFolder, createBlobFolder } from "./files/blob-folder.ts";

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
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const names = await readdir(folder);
  const others = names.filter((name) => !HARMLESS.includes(name)).sort();
  if (others.length === 0 || names.includes(DATABASE_FILE)) return;
  const shown = [...others.slice(0, SHOWN), ...(others.length > SHOWN ? ["…"] : [])].join(", ");
  throw new AppError(
    "invalid_configuration",
    `Expected an empty folder or the data folder of a server at ${folder} but it holds files (${shown}) and no ${DATABASE_FILE}. Nothing was touched. Name another folder with --data, or restore a backup into one: moco-search restore`,
  );
}
