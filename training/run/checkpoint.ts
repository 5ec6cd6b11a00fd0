// A checkpoint: all that the next step depends on, in one safetensors file.
import { readFile, rename } from "node:fs/promises";
import { dirname, join } from "node:path";
import { z } from "zod";
import { AppError } from "../../core/errors.ts";
import { replaceFile } from "../../core/files.ts";
import { type ParentModel, parentModelSchema } from "../../core/model-card.ts";
import { readStoredConfig, type TrainingConfig } from "../config/schema.ts";
import { decodeSafetensors, type StoredTensor, safetensorsParts } from "../data/safetensors.ts";
import { type Choices, choicesSchema } from "../graph/engine/tune.ts";
import { type Collection, collectionSchema } from "./collection.ts";

/** The checkpoint's name in the folder of a run. */
export const CHECKPOINT_FILE = "checkpoint.safetensors";

const FORMAT = "moco-search-checkpoint";
const VERSION = "1";

const progressSchema = z.object({
  /** Steps done. With the seed it determines all random numbers and the order of the images. */
  step: z.int().nonnegative(),
  /** Steps of the whole run, which the schedule goes by; null while a run given in minutes does not know it. */
  totalSteps: z.int().positive().nullable(),
  /** Row of the queue that the next key replaces. */
  queuePointer: z.int().nonnegative(),
  /** Seconds trained so far. */
  seconds: z.number().nonnegative(),
});

/** Where a run stands. */
export type Progress = z.infer<typeof progressSchema>;

/** A run's state between two steps. */
export interface Checkpoint {
  readonly config: TrainingConfig;
  readonly progress: Progress;
  readonly images: Collection;
  /** The model whose weights the run began with. */
  readonly parent: ParentModel | undefined;
  /** The forms of convolutions that the run uses. */
  readonly forms: Choices;
  /** Both encoders with BN buffers and the optimiser, by the step's names; `queue` [K, D]. */
  readonly tensors: ReadonlyMap<string, StoredTensor>;
}

/** Writes a checkpoint atomically: a crash leaves the old file or the whole new one. */
export async function saveCheckpoint(path: string, checkpoint: Checkpoint): Promise<void> {
  const { config, progress, images, parent, forms, tensors } = checkpoint;
  const metadata = {
    format: FORMAT,
    version: VERSION,
    config: JSON.stringify(config),
    progress: JSON.stringify(progress),
    images: JSON.stringify(images),
    forms: JSON.stringify(forms),
    ...(parent && { begunFrom: JSON.stringify(parent) }), // the format's key, as in the card
  };
  await replaceFile(path, safetensorsParts({ tensors, metadata }));
}

/**
 * Moves the checkpoint of a run that has not ended out of the way of a new one; resolves with where it is then. That of
 * a run that has ended, whose model is written, may be replaced.
 */
export async function keepUnfinished(path: string): Promise<{ path: string; step: number } | undefined> {
  const checkpoint = await loadCheckpoint(path).catch(() => undefined);
  if (!checkpoint) return undefined;
  const { step, totalSteps } = checkpoint.progress;
  if (totalSteps !== null && step >= totalSteps) return undefined;
  const kept = join(dirname(path), "checkpoint-before.safetensors");
  await rename(path, kept);
  return { path: kept, step };
}

/**
 * Reads a checkpoint.
 *
 * @throws AppError `invalid_checkpoint` where the file is missing, cut short or of another format or version.
 */
export async function loadCheckpoint(path: string): Promise<Checkpoint> {
  const file = await readFile(path).catch((error) => {
    throw new AppError("invalid_checkpoint", `Expected a checkpoint at ${path} but it cannot be read.`, {
      cause: error,
    });
  });
  const { tensors, metadata } = decodeSafetensors(file);
  if (metadata.format !== FORMAT || metadata.version !== VERSION) {
    throw new AppError(
      "invalid_checkpoint",
      `Expected ${FORMAT} version ${VERSION} in ${path} but it is ${metadata.format ?? "something else"} version ${metadata.version ?? "unknown"}. Resume with the version of moco-search that wrote it, or start a new run.`,
    );
  }
  return {
    config: readStoredConfig(metadata.config, path),
    progress: parsePart(progressSchema, metadata.progress, path, "how far the run is"),
    images: parsePart(collectionSchema, metadata.images, path, "which images it is trained on"),
    parent: metadata.begunFrom
      ? parsePart(parentModelSchema, metadata.begunFrom, path, "which model it began from")
      : undefined,
    forms: parsePart(choicesSchema, metadata.forms ?? "{}", path, "which forms of convolutions it computes with"),
    tensors,
  };
}

function parsePart<T>(schema: z.ZodType<T>, text: string | undefined, path: string, what: string): T {
  try {
    return schema.parse(JSON.parse(text ?? "null"));
  } catch (error) {
    throw new AppError("invalid_checkpoint", `Expected ${path} to say ${what} but that part is not whole.`, {
      cause: error,
    });
  }
}
