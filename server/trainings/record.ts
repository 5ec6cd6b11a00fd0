// What is kept of a training in its folder: training.json, and the parts that come and go.
import { mkdir, readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Logger } from "pino";
import { z } from "zod";
import { AppError, hasErrno } from "../../core/errors.ts";
import { replaceFile } from "../../core/files.ts";
import { modelNameSchema } from "../../core/model-card.ts";
import { courseSchema } from "../domain/training.ts";
import { asStorageError } from "../storage/storage-error.ts";

const recordSchema = z.object({
  name: modelNameSchema,
  /** `running` also while its images are written. */
  state: z.enum(["running", "stopped", "done", "failed"]),
  error: z.string().optional(),
  createdAt: z.iso.datetime(),
  updatedAt: z.iso.datetime(),
  images: z.int(),
  minutes: z.number(),
  threads: z.int(),
  begunFrom: z.string().optional(),
  /** As it was when the training ended; one that runs has its log. */
  course: courseSchema.optional(),
});

/** A training as it is stored. */
export type TrainingRecord = Readonly<z.infer<typeof recordSchema>>;

/** The parts of a training's folder. */
export const partsOf = (root: string, name: string) => {
  const folder = join(root, name);
  return {
    folder,
    record: join(folder, "training.json"),
    /** Its images while it runs, and their names. */
    images: join(folder, "images"),
    list: join(folder, "images.txt"),
    /** Decoded images while it runs. */
    cache: join(folder, "cache"),
    /** What `moco-search train` writes. */
    run: join(folder, "run"),
    checkpoint: join(folder, "run", "checkpoint.safetensors"),
  };
};

/**
 * Makes the folder of a new training.
 *
 * @throws AppError `training_exists`, or `storage_full` with nothing left behind.
 */
export async function makeTraining(root: string, record: TrainingRecord): Promise<void> {
  const { folder } = partsOf(root, record.name);
  try {
    await mkdir(root, { recursive: true, mode: 0o700 });
    await mkdir(folder);
  } catch (error) {
    if (!hasErrno(error, "EEXIST")) throw asStorageError(error);
    throw new AppError(
      "training_exists",
      `There is a training "${record.name}" already. Resume it, delete it, or choose another name.`,
    );
  }
  try {
    await writeRecord(root, record);
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw asStorageError(error);
  }
}

export function writeRecord(root: string, record: TrainingRecord): Promise<void> {
  return replaceFile(partsOf(root, record.name).record, `${JSON.stringify(record)}\n`);
}

/** Removes what a training needs only while it runs. */
export async function removeImages(root: string, name: string): Promise<void> {
  const { images, cache } = partsOf(root, name);
  for (const path of [images, cache]) await rm(path, { recursive: true, force: true });
}

/** Removes a training. What a crash leaves of it can be removed again: the record goes last. */
export async function removeTraining(root: string, name: string): Promise<void> {
  const { folder, run } = partsOf(root, name);
  await removeImages(root, name);
  await rm(run, { recursive: true, force: true });
  await rm(folder, { recursive: true, force: true });
}

/** The trainings in a folder. One that cannot be read is left alone, with a line in the log. */
export async function readRecords(root: string, logger: Logger): Promise<TrainingRecord[]> {
  const names = await readdir(root).catch((error) => {
    if (hasErrno(error, "ENOENT")) return [];
    throw error;
  });
  const records = await Promise.all(
    names.map(async (name) => {
      try {
        const record = recordSchema.parse(JSON.parse(await readFile(partsOf(root, name).record, "utf8")));
        return record.name === name ? [record] : [];
      } catch (error) {
        logger.warn({ err: error, training: name }, "a training cannot be read");
        return [];
      }
    }),
  );
  return records.flat();
}
