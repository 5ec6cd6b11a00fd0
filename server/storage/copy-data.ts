// Copies everything that is stored from one folder to another, also while a server uses the first one: what a backup
// and a restore are made of.
import { rename } from "node:fs/promises";
import { join } from "node:path";
import pMap from "p-map";
import { AppError, hasCode } from "../../core/errors.ts";
import { sync } from "../../core/files.ts";
import type { Content } from "../domain/content.ts";
import { DATABASE_FILE, encoderFiles, imageFiles } from "./data-folder.ts";
import { asFolderFailure, isDamagedDatabase } from "./folder-failure.ts";
import type { Blobs } from "./ports.ts";
import { openSqliteCatalogue } from "./sqlite/catalogue.ts";
import { readStoredFiles, type StoredFiles } from "./sqlite/stored-files.ts";

/** What was copied, and what could not be. */
export interface CopyReport {
  readonly images: number;
  /** Distinct contents, each a file. */
  readonly contents: number;
  /** Of the files of images. */
  readonly bytes: number;
  /** Ids of images whose files are missing or damaged where they were copied from. Their records are copied. */
  readonly damagedImages: string[];
  /** Names of models whose encoders are missing or damaged there. */
  readonly damagedModels: string[];
}

/** Told of the files that are done, and how many there are. */
export type OnProgress = (done: number, total: number) => void;

/** Files copied at a time. */
const LANES = 8;

/**
 * Copies the data folder `from` into the empty folder `to`: database, image files and the encoders in use, each
 * compared with its SHA-256. The copy is of one moment, less what was deleted while it was made. The database gets its
 * name last: until then the copy is no data folder.
 *
 * @throws AppError `invalid_configuration` where the database of `from` is damaged.
 */
export async function copyData(from: string, to: string, onProgress: OnProgress): Promise<CopyReport> {
  try {
    const source = readStoredFiles(join(from, DATABASE_FILE));
    try {
      const path = join(to, `${DATABASE_FILE}.part`);
      await source.copyTo(path);
      const report = await copyFiles({ source, from, to, path, onProgress });
      await rename(path, join(to, DATABASE_FILE));
      await sync(to);
      return report;
    } finally {
      source.close();
    }
  } catch (error) {
    throw asFolderFailure(error, isDamagedDatabase(error) ? from : to);
  }
}

interface CopyFiles {
  readonly source: StoredFiles;
  readonly from: string;
  readonly to: string;
  /** The copy of the database. */
  readonly path: string;
  readonly onProgress: OnProgress;
}

async function copyFiles({ source, from, to, path, onProgress }: CopyFiles): Promise<CopyReport> {
  const { catalogue, close } = openSqliteCatalogue(path); // brings an older version up to date
  const copy = readStoredFiles(path);
  try {
    const [problem] = copy.problems();
    if (problem) throw new AppError("invalid_configuration", `The database in ${from} is damaged: ${problem}.`);
    const damagedImages: string[] = [];
    const deleted: string[] = [];
    const total = copy.countContents();
    let contents = 0;
    let bytes = 0;
    const [images, copied] = [imageFiles(from), imageFiles(to)];
    await copied.prepare();
    const copyImage = async (content: Content) => {
      if (await copyBlob(content.sha256, images, copied)) {
        bytes += content.bytes;
        onProgress(++contents, total);
      } else if (source.has(content)) damagedImages.push(...copy.imagesWith(content.number));
      else deleted.push(...copy.imagesWith(content.number)); // while this copy was made
    };
    for await (const batch of copy.contents()) await pMap(batch, copyImage, { concurrency: LANES });
    for (const id of deleted) await catalogue.images.remove(id);

    const damagedModels: string[] = [];
    for (const { name, sha256, isCandidate } of copy.models()) {
      const isCopied = await copyBlob(sha256, encoderFiles(from), encoderFiles(to));
      if (!isCopied && !isCandidate) damagedModels.push(name);
    }
    return { images: copy.countImages(), contents, bytes, damagedImages, damagedModels };
  } finally {
    copy.close();
    close();
  }
}

/** False where the blob is missing or damaged. */
async function copyBlob(sha256: string, from: Blobs, to: Blobs): Promise<boolean> {
  try {
    const bytes = await from.get(sha256);
    if (bytes) await to.put(sha256, bytes);
    return bytes !== undefined;
  } catch (error) {
    if (hasCode(error, "file_damaged")) return false;
    throw error;
  }
}
