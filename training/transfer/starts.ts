// Encoders that a transfer begins from, by the names that a user gives them.
import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import { AppError } from "../../core/errors.ts";
import { sha256 } from "../../core/hash.ts";
import { readModel } from "../../core/model-folder.ts";
import { decodeWeights, readWeights } from "../run/warm-start.ts";
import type { Start } from "./step.ts";

/** An encoder by its name. */
export interface NamedStart extends Start {
  readonly name: string;
  /** SHA-256 of its tensors. */
  readonly sha256?: string;
}

/** The name of an encoder without weights: drawn at random for every seed. */
export const RANDOM = "random";
/** Ending of files of weights. */
const WEIGHTS = ".safetensors";

/**
 * Reads encoders: names of models that were trained here or imported, files of weights (`x.safetensors`), and
 * {@link RANDOM}, which has the network of the first of the others, or of the model `default`.
 *
 * @throws AppError `model_not_found`, `invalid_checkpoint`, `invalid_configuration` where two have the same name, or
 *   `invalid_model` where one is a transformer, whose output is no map of places.
 */
export async function readStarts(names: readonly string[], modelsFolder: string): Promise<NamedStart[]> {
  const trained = new Map<string, NamedStart>();
  for (const name of names) if (name !== RANDOM) trained.set(name, await readStart(name, modelsFolder));
  const shown = [...trained.values()].map(({ name }) => name);
  const twice = shown.find((name, i) => shown.indexOf(name) !== i || name === RANDOM);
  if (twice) throw sameName(twice);
  const [first = await readStart("default", modelsFolder)] = trained.values();
  return [...new Set(names)].map((name) => trained.get(name) ?? { name, config: first.config });
}

async function readStart(given: string, modelsFolder: string): Promise<NamedStart> {
  const isFile = given.endsWith(WEIGHTS);
  const { config, weights } = isFile
    ? await readFileOf(given)
    : await readWeights(await readModel(modelsFolder, given));
  if (config.architecture.block === "vit") {
    throw new AppError(
      "invalid_model",
      `Expected a residual network or a RegNet, which see an image as a map, but ${given} is a transformer. Choose another encoder.`,
    );
  }
  const name = isFile ? basename(given, WEIGHTS) : given;
  const bytes = [...weights.values()].map(({ data }) => Buffer.from(data.buffer, data.byteOffset, data.byteLength));
  return { name, config, weights, sha256: sha256(Buffer.concat(bytes)) };
}

async function readFileOf(path: string) {
  const file = await readFile(path).catch((error) => {
    throw new AppError("invalid_checkpoint", `Expected weights in ${path} but it cannot be read: ${error.message}.`, {
      cause: error,
    });
  });
  return decodeWeights(file, path);
}

const sameName = (name: string) =>
  new AppError(
    "invalid_configuration",
    `Expected encoders with different names but two are called ${name}. Rename one of the files.`,
  );
