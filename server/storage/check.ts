// Reads everything in a data folder and says what is missing, damaged or unknown to its database.
import { basename, join } from "node:path";
import pMap from "p-map";
import { hasCode } from "../../core/errors.ts";
import { sha256 } from "../../core/hash.ts";
import { readOnnx } from "../../core/model.ts";
import { readModel } from "../../core/model-folder.ts";
import type { Content } from "../domain/content.ts";
import type { OnProgress } from "./copy-data.ts";
import { checkIsDataFolder, DATABASE_FILE, encoderFiles, imageFiles } from "./data-folder.ts";
import type { BlobFolder } from "./files/blob-folder.ts";
import { asFolderFailure } from "./folder-failure.ts";
import { createSnapshotFiles } from "./hnsw/snapshot-files.ts";
import type { Blobs } from "./ports.ts";
import { lockDataFolder } from "./sqlite/database.ts";
import { readStoredFiles, type StoredFiles } from "./sqlite/stored-files.ts";

/** One thing that is wrong. */
export interface Damage {
  /** `index`: a snapshot, which only saves time. */
  readonly of: "database" | "image" | "model" | "index";
  /** `unknown`: a file that the database does not name. */
  readonly problem: "missing" | "damaged" | "unknown";
  /** The file's name or SHA-256; of the database what SQLite says. */
  readonly file: string;
  /** Ids of the images that the file is of, or the name of the model. */
  readonly names: readonly string[];
  repaired: boolean;
}

/** What a check found. */
export interface CheckReport {
  readonly images: number;
  /** Distinct contents, each a file. */
  readonly contents: number;
  /** A server uses the folder: unknown files were not looked for, as uploads may be under way. */
  readonly inUse: boolean;
  readonly damage: readonly Damage[];
}

/** What {@link check} does beyond looking. */
export interface CheckOptions {
  /**
   * Takes missing and damaged files back from lost+found, and encoders from `models`; sets unknown files aside; removes
   * damaged snapshots, which are built anew.
   */
  readonly repair: boolean;
  /** Folder of models. */
  readonly models: string;
  /** Bytes of image files that missing and damaged ones are repaired with, whichever of them have their SHA-256. */
  readonly originals?: AsyncIterable<Uint8Array> | undefined;
  readonly onProgress?: OnProgress;
}

/** Files read at a time. */
const LANES = 4;

/**
 * Checks a data folder. Beside a running server it only reads.
 *
 * @throws AppError `invalid_configuration` where it is no data folder, where its database cannot be opened, and where
 *   it is to be repaired while a server uses it.
 */
export async function check(folder: string, options: CheckOptions): Promise<CheckReport> {
  checkIsDataFolder(folder);
  const unlock = lockUnlessInUse(folder, options.repair);
  try {
    const database = readStoredFiles(join(folder, DATABASE_FILE));
    try {
      return await checkFiles(folder, database, { ...options, inUse: unlock === undefined });
    } finally {
      database.close();
    }
  } catch (error) {
    throw asFolderFailure(error, folder);
  } finally {
    unlock?.();
  }
}

/** Undefined where a server uses the folder. */
function lockUnlessInUse(folder: string, isNeeded: boolean): (() => void) | undefined {
  try {
    return lockDataFolder(folder);
  } catch (error) {
    if (!isNeeded && hasCode(error, "invalid_configuration")) return undefined;
    throw asFolderFailure(error, folder);
  }
}

async function checkFiles(
  folder: string,
  database: StoredFiles,
  { repair, models, originals, inUse, onProgress = () => {} }: CheckOptions & { inUse: boolean },
): Promise<CheckReport> {
  const damage: Damage[] = database
    .problems()
    .map((file) => ({ of: "database", problem: "damaged", file, names: [], repaired: false }));
  const total = database.countContents();
  let done = 0;

  const images = imageFiles(folder);
  const checkImage = async (content: Content) => {
    const problem = await problemOf(images, content.sha256);
    onProgress(++done, total);
    if (!problem || !database.has(content)) return; // deleted meanwhile
    const repaired = repair && (await images.takeBack(content.sha256));
    const names = database.imagesWith(content.number);
    damage.push({ of: "image", problem, file: content.sha256, names, repaired });
  };
  for await (const batch of database.contents()) await pMap(batch, checkImage, { concurrency: LANES });
  const lost = new Map(damage.filter(({ of, repaired }) => of === "image" && !repaired).map((one) => [one.file, one]));
  if (repair && originals && lost.size > 0) await putBack(originals, lost, images);

  const encoders = encoderFiles(folder);
  for (const { name, sha256: file, isCandidate } of database.models()) {
    const problem = await problemOf(encoders, file);
    if (!problem || (problem === "missing" && isCandidate)) continue;
    const repaired = repair && ((await encoders.takeBack(file)) || (await copyModel(models, name, file, encoders)));
    damage.push({ of: "model", problem, file, names: [name], repaired });
  }

  if (!inUse) {
    const used = new Set(database.models().map((model) => model.sha256));
    damage.push(...(await unknownFiles("image", images, (hash) => database.hasSha256(hash), repair)));
    damage.push(...(await unknownFiles("model", encoders, (hash) => used.has(hash), repair)));
    damage.push(...(await damagedSnapshots(join(folder, "index"), database.encoders(), repair)));
  }
  return { images: database.countImages(), contents: total, inUse, damage };
}

async function problemOf(blobs: Blobs, hash: string): Promise<"missing" | "damaged" | undefined> {
  try {
    return (await blobs.get(hash)) ? undefined : "missing";
  } catch (error) {
    if (hasCode(error, "file_damaged")) return "damaged";
    throw error;
  }
}

/** Stores those files again that are missing or damaged. */
async function putBack(files: AsyncIterable<Uint8Array>, lost: Map<string, Damage>, images: Blobs): Promise<void> {
  for await (const bytes of files) {
    const hash = sha256(bytes);
    const damage = lost.get(hash);
    if (!damage) continue;
    await images.put(hash, bytes);
    damage.repaired = true;
  }
}

/** Copies an encoder again from the models folder, where that one has it. */
async function copyModel(folder: string, name: string, hash: string, encoders: Blobs): Promise<boolean> {
  try {
    const model = await readModel(folder, name);
    if (model.card.sha256 !== hash) return false;
    await encoders.put(hash, await readOnnx(model));
    return true;
  } catch (error) {
    if (hasCode(error, "model_not_found") || hasCode(error, "invalid_model")) return false;
    throw error;
  }
}

async function unknownFiles(
  of: Damage["of"],
  blobs: BlobFolder,
  isKnown: (sha256: string) => boolean,
  repair: boolean,
): Promise<Damage[]> {
  const unknown: Damage[] = [];
  for await (const file of blobs.list()) {
    if (isKnown(file)) continue;
    if (repair) await blobs.setAside(file);
    unknown.push({ of, problem: "unknown", file, names: [], repaired: repair });
  }
  return unknown;
}

async function damagedSnapshots(folder: string, encoders: readonly number[], repair: boolean): Promise<Damage[]> {
  const damaged: Damage[] = [];
  const snapshots = createSnapshotFiles(folder);
  for (const encoder of encoders) {
    const { list, check: checkSnapshot } = snapshots.of(encoder);
    for (const path of await list()) {
      const isWhole = await checkSnapshot(path).then(
        () => true,
        () => false,
      );
      if (isWhole) continue;
      if (repair) await snapshots.remove(path);
      damaged.push({ of: "index", problem: "damaged", file: basename(path), names: [], repaired: repair });
    }
  }
  return damaged;
}
