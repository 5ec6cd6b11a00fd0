// What is checked before a training begins.
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { AppError, hasCode } from "../../core/errors.ts";
import { readModel, WEIGHTS_FILE } from "../../core/model-folder.ts";
import type { Catalogue } from "../storage/ports.ts";

/** The fewest images that can be trained on: one batch. */
const LEAST_IMAGES = 16;

/** How many different images are stored. @throws AppError `invalid_dataset` where they are too few. */
export async function checkEnough({ contents }: Pick<Catalogue, "contents">): Promise<number> {
  const images = await contents.count();
  if (images >= LEAST_IMAGES) return images;
  throw new AppError(
    "invalid_dataset",
    `Expected at least ${LEAST_IMAGES} different images to learn from but ${images} ${images === 1 ? "is" : "are"} stored. Upload more.`,
  );
}

/** @throws AppError `model_exists` where there is a model of that name. */
export async function checkFree(models: string, name: string): Promise<void> {
  const found = await readModel(models, name).catch((error) => {
    if (!hasCode(error, "model_not_found")) throw error;
  });
  if (found) throw new AppError("model_exists", `There is a model "${name}" already. Choose another name.`);
}

/** @throws AppError `model_not_found`, `invalid_model`, or `invalid_checkpoint` where it was not trained here. */
export async function checkHasWeights(models: string, name: string): Promise<void> {
  const { onnxPath } = await readModel(models, name);
  if (existsSync(join(dirname(onnxPath), WEIGHTS_FILE))) return;
  throw new AppError(
    "invalid_checkpoint",
    `Expected a model that was trained here but "${name}" has no ${WEIGHTS_FILE} to begin from.`,
  );
}
