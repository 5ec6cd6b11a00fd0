// Backups: a copy of a data folder with a file beside it that says it is whole.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { AppError } from "../../core/errors.ts";
import { replaceFile } from "../../core/files.ts";
import { type CopyReport, copyData, type OnProgress } from "./copy-data.ts";
import { checkIsDataFolder, makeEmptyFolder } from "./data-folder.ts";
import { asFolderFailure } from "./folder-failure.ts";
import { lockDataFolder } from "./sqlite/database.ts";

const MANIFEST_FILE = "backup.json";

const manifestSchema = z.object({
  format: z.literal("moco-search-backup"),
  formatVersion: z.literal(1),
  createdAt: z.iso.datetime(),
  images: z.int(),
});

/**
 * Writes a backup of a data folder, which a server may be using meanwhile, into a new folder.
 *
 * @throws AppError `invalid_configuration` where `data` is no data folder or `target` holds files; `storage_full`.
 */
export async function backUp(data: string, target: string, onProgress: OnProgress = () => {}): Promise<CopyReport> {
  checkIsDataFolder(data);
  await makeEmptyFolder(target);
  const report = await copyData(data, target, onProgress);
  try {
    const manifest: z.infer<typeof manifestSchema> = {
      format: "moco-search-backup",
      formatVersion: 1,
      createdAt: new Date().toISOString(),
      images: report.images,
    };
    await replaceFile(join(target, MANIFEST_FILE), `${JSON.stringify(manifest, null, 2)}\n`);
    return report;
  } catch (error) {
    throw asFolderFailure(error, target);
  }
}

/**
 * Makes a data folder of a backup: with its images, API keys, active model and the one before.
 *
 * @throws AppError `invalid_configuration` where `backup` is none or was not finished, or `data` holds files.
 */
export async function restore(backup: string, data: string, onProgress: OnProgress = () => {}): Promise<CopyReport> {
  await checkManifest(backup);
  await makeEmptyFolder(data);
  const unlock = lockDataFolder(data);
  try {
    return await copyData(backup, data, onProgress);
  } finally {
    unlock();
  }
}

async function checkManifest(backup: string): Promise<void> {
  const refuse = (why: string, options?: ErrorOptions) =>
    new AppError("invalid_configuration", `Expected a backup at ${backup} but ${why}.`, options);
  const text = await readFile(join(backup, MANIFEST_FILE), "utf8").catch((error) => {
    throw refuse(`its ${MANIFEST_FILE} cannot be read: it is none, or it was not finished`, { cause: error });
  });
  try {
    manifestSchema.parse(JSON.parse(text));
  } catch (error) {
    throw refuse(`its ${MANIFEST_FILE} is not one of this version of moco-search`, { cause: error });
  }
}
