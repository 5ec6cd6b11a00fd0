// Exports from the checkpoint of a run: with another embedding, size or precision, or a run that was stopped early.
import { basename, join, resolve } from "node:path";
import { AppError } from "../../core/errors.ts";
import type { Model } from "../../core/model.ts";
import { openDataset } from "../data/dataset.ts";
import type { StoredTensor } from "../data/safetensors.ts";
import { CHECKPOINT_FILE, loadCheckpoint } from "../run/checkpoint.ts";
import { METRICS_FILE, readRunLog } from "../run/log.ts";
import { type ExportOptions, publish } from "./publish.ts";

/** Options of {@link exportRun}. */
export interface ExportRunOptions extends ExportOptions {
  readonly runFolder: string;
  /** @default the name of the run's folder */
  readonly name?: string;
  readonly modelsFolder: string;
  /** Replace a model of the same name. @default false */
  readonly replace?: boolean;
  /** Paths of the images, if they were moved. @default those of the run */
  readonly images?: readonly string[];
  /** Folder for decoded images. @default the user's cache folder */
  readonly cacheFolder?: string;
  /** Threads of the engine. @default every core */
  readonly threads?: number;
}

/**
 * Writes `models/<name>/` from the last checkpoint of a run.
 *
 * @throws AppError `invalid_checkpoint`, `invalid_dataset` where the images are gone, `invalid_model`, `model_exists`.
 */
export async function exportRun(options: ExportRunOptions): Promise<Model> {
  const { runFolder, name = basename(resolve(runFolder)), cacheFolder, threads = 0 } = options;
  const { config, progress, images, parent, tensors } = await loadCheckpoint(join(runFolder, CHECKPOINT_FILE));
  const lines = await readRunLog(join(runFolder, METRICS_FILE));
  const metrics = lines.findLast((line) => line.kind === "step" && line.step <= progress.step);
  if (metrics?.kind !== "step") {
    throw new AppError("invalid_checkpoint", `Expected a step in ${METRICS_FILE} of ${runFolder} but there is none.`);
  }
  const paths = options.images ?? images.sources;
  const shape = { width: config.storedSize, height: config.storedSize, fit: "fill" } as const;
  const dataset = await openDataset(paths, shape, { ...(cacheFolder && { cacheFolder }) });
  try {
    const state = floats(tensors);
    const epochs = lines.flatMap((line) => (line.kind === "epoch" && line.step <= progress.step ? [line] : []));
    const run = { config, dataset, state, metrics, epochs, parent };
    return await publish({ ...options, ...run, name, images: paths, threads });
  } finally {
    await dataset.close();
  }
}

function floats(tensors: ReadonlyMap<string, StoredTensor>): Map<string, Float32Array> {
  return new Map([...tensors].flatMap(([name, { data }]) => (data instanceof Float32Array ? [[name, data]] : [])));
}
