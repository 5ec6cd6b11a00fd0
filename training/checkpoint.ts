// A run on disk: everything that the next step depends on, in one safetensors file that is replaced atomically.
import { readFile } from "node:fs/promises";
import { z } from "zod";
import { AppError } from "../core/errors.ts";
import { replaceFile } from "../core/files.ts";
import { parseTrainingConfig, type TrainingConfig } from "./config.ts";
import { decodeSafetensors, encodeSafetensors, type StoredTensor } from "./safetensors.ts";

const FORMAT = "moco-search-checkpoint";
const VERSION = "1";

const progressSchema = z.object({
  /** Steps done. Random numbers and the order of the images follow from the seed and this. */
  step: z.int().nonnegative(),
  /** Steps of the whole run, by which the schedule goes; null while it is still being measured. */
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
  /** Both encoders with BN buffers and the optimiser, by the step's names; `queue` [K, D]. */
  readonly tensors: ReadonlyMap<string, StoredTensor>;
}

/** Writes a checkpoint; the file holds the old one or the whole new one at any time. */
export async function saveCheckpoint(path: string, { config, progress, tensors }: Checkpoint): Promise<void> {
  const metadata = {
    format: FORMAT,
    version: VERSION,
    config: JSON.stringify(config),
    progress: JSON.stringify(progress),
  };
  await replaceFile(path, encodeSafetensors({ tensors, metadata }));
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
      `Expected ${FORMAT} version ${VERSION} in ${path} but it is ${metadata.format ?? "something else"} version ${metadata.version ?? "unknown"}.`,
    );
  }
  return {
    config: parseTrainingConfig(JSON.parse(metadata.config ?? "null")),
    progress: parseProgress(metadata.progress, path),
    tensors,
  };
}

function parseProgress(text: string | undefined, path: string): Progress {
  try {
    return progressSchema.parse(JSON.parse(text ?? "null"));
  } catch (error) {
    throw new AppError(
      "invalid_checkpoint",
      `Expected ${path} to say how far the run is but its progress is not whole.`,
      {
        cause: error,
      },
    );
  }
}
