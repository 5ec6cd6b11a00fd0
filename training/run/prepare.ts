// Prepares a run: opens the images and settles the configuration.
import { totalmem } from "node:os";
import type { Device } from "../../core/device.ts";
import { AppError } from "../../core/errors.ts";
import type { Model } from "../../core/model.ts";
import { type RecipeName, recipeOf } from "../config/recipes.ts";
import type { TrainingConfig } from "../config/schema.ts";
import { type Settings, settle, settleResumed } from "../config/settle.ts";
import { type Dataset, openDataset } from "../data/dataset.ts";
import { medianSide } from "../data/probe.ts";
import { hasHead } from "../network/heads.ts";
import { checkCollection } from "./check-collection.ts";
import type { WarmStart } from "./warm-start.ts";

/** What the configuration of a run is made from. */
export interface PrepareOptions {
  /** Folders, archives or files of images. */
  readonly images: readonly string[];
  /** Source of the hyper-parameters. @default "auto" */
  readonly recipe?: RecipeName;
  /** Hyper-parameters that replace those of the recipe. */
  readonly config?: Settings;
  /** Model to begin from. Its network is used unless `config` sets another. */
  readonly init?: WarmStart;
  /** Model to learn from, from any source. The mechanism is then distillation. */
  readonly teacher?: Model;
  /** Device that trains. @default "cpu" */
  readonly device?: Device;
  /** Folder for decoded images. @default the user's cache folder */
  readonly cacheFolder?: string;
}

/** All that a run needs to begin. The caller closes the data set. */
export interface Prepared {
  readonly config: TrainingConfig;
  /** Reasons for the configuration, in plain words. */
  readonly reasons: readonly string[];
  readonly dataset: Dataset;
}

/**
 * Opens the images and settles the configuration; mistakes in the configuration are reported before images are decoded.
 *
 * @param resumed The configuration of the run to resume.
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

/** The configuration: that of the resumed run, or the recipe's with the user's settings. */
function settleOptions(
  { recipe = "auto", config: set = {}, init, teacher, device = "cpu" }: PrepareOptions,
  resumed: TrainingConfig | undefined,
  collection: { images: number; side: number },
) {
  if (resumed) return { config: settleResumed(resumed, set), reasons: ["everything as in the checkpoint"] };
  const { mechanism = "moco", shuffle = true, bnGroups = 2 } = set;
  const isWarm = init !== undefined && !teacher && mechanism === "moco" && shuffle && bnGroups > 1;
  const chosen = recipeOf(recipe, { ...collection, device, memory: totalmem(), isWarm });
  const settled = settle(chosen, {
    ...(init && shapeOf(init)),
    ...(teacher && distillationFrom(teacher)),
    ...set,
  });
  if (settled.config.neighbours > 0 && !init) {
    throw new AppError(
      "invalid_configuration",
      `Expected a model to begin from, which finds the ${settled.config.neighbours} neighbours of each image: --init <model>.`,
    );
  }
  return settled;
}

/** The settings that a teacher dictates, and the temperatures of SEED (arXiv 2101.04731, section 4). */
function distillationFrom({ card: { name, sha256, dimensions } }: Model): Settings {
  const teacher = { name, sha256, dimensions, temperature: 0.01 };
  return { mechanism: "distillation", dim: dimensions, temperature: 0.2, teacher };
}

/** The settings that fit the weights of a warm start; the head is free where they have none. */
function shapeOf({ config, weights }: WarmStart): Settings {
  const { architecture, normalisation, head, headWidth, headLayers, dim, imageSize } = config;
  const network = {
    architecture,
    ...(normalisation && { normalisation }),
    ...(architecture.block === "vit" && { imageSize }), // its positions are those of one size; elsewhere that is free
  };
  if (!hasHead(weights)) return network;
  const layers = headLayers !== undefined && { headLayers };
  return { ...network, head, headWidth: headWidth ?? architecture.widths.at(-1)!, ...layers, dim };
}
