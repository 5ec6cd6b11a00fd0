// The beginning of a run: the images opened and the configuration settled.
import { totalmem } from "node:os";
import type { Device } from "../../core/device.ts";
import { type RecipeName, recipeOf } from "../config/recipes.ts";
import type { TrainingConfig } from "../config/schema.ts";
import { type Settings, settle, settleResumed } from "../config/settle.ts";
import { type Dataset, openDataset } from "../data/dataset.ts";
import { medianSide } from "../data/probe.ts";
import { checkCollection } from "./check-collection.ts";
import type { WarmStart } from "./warm-start.ts";

/** What decides on the configuration of a run. */
export interface PrepareOptions {
  /** Folders, archives or files of images. */
  readonly images: readonly string[];
  /** Where hyper-parameters come from. @default "auto" */
  readonly recipe?: RecipeName;
  /** Hyper-parameters that replace those of the recipe. */
  readonly config?: Settings;
  /** Weights of a model to begin from; its network is used except for `config`. */
  readonly init?: WarmStart;
  /** Where it computes. @default "cpu" */
  readonly device?: Device;
  /** Where decoded images are kept. @default the user's cache folder */
  readonly cacheFolder?: string;
}

/** A run that can begin. The data set is the caller's to close. */
export interface Prepared {
  readonly config: TrainingConfig;
  /** Why the configuration is as it is. */
  readonly reasons: readonly string[];
  readonly dataset: Dataset;
}

/**
 * Opens the images and settles the configuration; mistakes in it are found before the images are read.
 *
 * @param resumed The configuration of the run that goes on.
 * @throws AppError `invalid_dataset`, `invalid_configuration`, `storage_full`.
 */
export async function prepare(
  options: PrepareOptions,
  resumed?: TrainingConfig,
  onReading: (done: number, total: number | undefined) => void = () => {},
): Promise<Prepared> {
  const { images, cacheFolder } = options;
  const side = (await medianSide(images)) ?? 32;
  const settled = (count: number) => settleOptions(options, resumed, { images: count, side });
  const { storedSize } = settled(1024).config;
  const dataset = await openDataset(
    images,
    { width: storedSize, height: storedSize, fit: "fill" },
    { ...(cacheFolder && { cacheFolder }), atLeast: 16, onProgress: ({ done, total }) => onReading(done, total) },
  );
  try {
    const { config, reasons } = settled(dataset.count);
    await checkCollection(dataset, config);
    return { config, reasons, dataset };
  } catch (error) {
    await dataset.close();
    throw error;
  }
}

/** The configuration for a collection: that of the run that goes on, or the recipe's with what the user set. */
function settleOptions(
  { recipe = "auto", config: set = {}, init, device = "cpu" }: PrepareOptions,
  resumed: TrainingConfig | undefined,
  collection: { images: number; side: number },
) {
  if (resumed) return { config: settleResumed(resumed, set), reasons: ["everything as in the checkpoint"] };
  const chosen = recipeOf(recipe, { ...collection, device, memory: totalmem() });
  return settle(chosen, init ? { ...shapeOf(init.config), ...set } : set);
}

/** What a warm start takes over: the weights fit nothing else. They do fit images of another size. */
function shapeOf({ architecture, head, dim }: TrainingConfig) {
  return { architecture, head, dim };
}
