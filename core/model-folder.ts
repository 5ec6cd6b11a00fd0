// models/: where training hands models over to the server. A model appears whole or not at all.
import { mkdir, readdir, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { AppError, hasErrno } from "./errors.ts";
import { replaceFile, sync, temporaryName, writeDurably } from "./files.ts";
import { checkSha256, type Model } from "./model.ts";
import { type KeptEvaluation, type ModelCard, modelCardSchema, modelNameSchema } from "./model-card.ts";
import { packageRoot } from "./paths.ts";
import { readRegularFile } from "./regular-file.ts";

/**
 * Beside encoder.onnx: the query encoder's tensors, from which another training can start. Not every model has them.
 */
export const WEIGHTS_FILE = "weights.safetensors";

/** Most bytes of model.json. */
const MAX_CARD_BYTES = 4 * 1024 * 1024;

/** The folder of models that come with the package: the default model. */
const packagedModels = () => join(packageRoot(), "models");

/** The folder that models are read from and written to if the user names none: in the working directory. */
export const MODELS_FOLDER = "./models";

/**
 * Reads the card of `models/<name>`. A model that the folder lacks is looked up among those of the package.
 *
 * @throws AppError `model_not_found`, or `invalid_model` where the card is not one.
 */
export async function readModel(modelsFolder: string, name: string): Promise<Model> {
  if (!modelNameSchema.safeParse(name).success) {
    throw new AppError("model_not_found", `Expected the name of a model but received ${JSON.stringify(name)}.`);
  }
  for (const folder of [modelsFolder, packagedModels()]) {
    const text = await readRegularFile(join(folder, name, "model.json"), MAX_CARD_BYTES).catch((error: Error) => {
      if (hasErrno(error, "ENOENT") || hasErrno(error, "ENOTDIR")) return undefined;
      throw new AppError("invalid_model", `The card of model "${name}" cannot be read: ${error.message}.`, {
        cause: error,
      });
    });
    if (text) return { card: parseCard(text.toString(), name), onnxPath: join(folder, name, "encoder.onnx") };
  }
  throw new AppError("model_not_found", `There is no model "${name}" in ${modelsFolder}. Train one or add one first.`);
}

function parseCard(text: string, name: string): ModelCard {
  try {
    return checkCard(JSON.parse(text), name);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new AppError("invalid_model", `The card of model "${name}" is not JSON.`, { cause: error });
  }
}

function checkCard(json: unknown, name: string): ModelCard {
  const card = modelCardSchema.safeParse(json);
  if (!card.success) {
    const problems = card.error.issues.map((issue) => `${issue.path.join(".")}: ${issue.message}`).join("; ");
    throw new AppError("invalid_model", `The card of model "${name}" is not valid: ${problems}.`);
  }
  if (card.data.name !== name) {
    throw new AppError("invalid_model", `The card in models/${name} says its name is "${card.data.name}".`);
  }
  return card.data;
}

/** All models of `modelsFolder` and of the package, sorted by name; for a folder that is no valid model, the error. */
export async function listModels(
  modelsFolder: string,
): Promise<Array<{ name: string; model: Model } | { name: string; error: AppError }>> {
  const names = new Set<string>();
  for (const folder of [modelsFolder, packagedModels()]) {
    const entries = await readdir(folder, { withFileTypes: true }).catch((error) => {
      if (hasErrno(error, "ENOENT")) return [];
      throw error;
    });
    for (const entry of entries) {
      const { name } = entry;
      const mayBeModel = !name.endsWith(".tmp") && modelNameSchema.safeParse(name).success;
      if (
        mayBeModel &&
        (entry.isDirectory() || (entry.isSymbolicLink() && (await leadsToFolder(join(folder, name)))))
      ) {
        names.add(name);
      }
    }
  }
  return Promise.all(
    [...names].sort().map(async (name) => {
      try {
        return { name, model: await readModel(modelsFolder, name) };
      } catch (error) {
        if (error instanceof AppError) return { name, error };
        throw error;
      }
    }),
  );
}

/**
 * Writes `models/<card.name>/` under a temporary name and renames it when all of it is on disk.
 *
 * @throws AppError `invalid_model` where the card is not valid or has another SHA-256 than `files.onnx`; `model_exists`
 *   where the name is taken, unless `replace`.
 */
export async function writeModel(
  modelsFolder: string,
  card: ModelCard,
  files: { readonly onnx: Uint8Array; readonly weights?: Uint8Array },
  { replace = false }: { replace?: boolean } = {},
): Promise<Model> {
  const checked = checkCard(card, card.name);
  checkSha256(files.onnx, checked);
  const target = join(modelsFolder, checked.name);
  const temporary = temporaryName(target);
  const retired = temporaryName(target);
  await mkdir(temporary, { recursive: true });
  try {
    await writeDurably(join(temporary, "encoder.onnx"), files.onnx);
    if (files.weights) await writeDurably(join(temporary, WEIGHTS_FILE), files.weights);
    await writeDurably(join(temporary, "model.json"), `${JSON.stringify(checked, null, 2)}\n`);
    await sync(temporary);
    if (replace) await rename(target, retired).catch(ignoreMissing);
    await rename(temporary, target);
  } catch (error) {
    await rename(retired, target).catch(ignoreMissing);
    await rm(temporary, { recursive: true, force: true });
    if (hasErrno(error, "ENOTEMPTY") || hasErrno(error, "EEXIST")) {
      throw new AppError("model_exists", `There is a model "${card.name}" already. Choose another name or replace it.`);
    }
    throw error;
  }
  await sync(modelsFolder);
  await rm(retired, { recursive: true, force: true });
  return readModel(modelsFolder, card.name);
}

/** Writes an evaluation to a model's card; it replaces an earlier one on the same images. */
export async function keepEvaluation({ card, onnxPath }: Model, evaluation: KeptEvaluation): Promise<void> {
  const others = (card.evaluations ?? []).filter(({ images }) => images !== evaluation.images);
  const changed = checkCard({ ...card, evaluations: [...others, evaluation] }, card.name);
  await replaceFile(join(dirname(onnxPath), "model.json"), `${JSON.stringify(changed, null, 2)}\n`);
}

const leadsToFolder = (path: string): Promise<boolean> =>
  stat(path).then(
    (stats) => stats.isDirectory(),
    () => false,
  );

function ignoreMissing(error: unknown): void {
  if (!hasErrno(error, "ENOENT")) throw error;
}
