// weights.safetensors of a model: the query encoder with its head, from which another training can start.
import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { AppError } from "../../core/errors.ts";
import type { Model } from "../../core/model.ts";
import type { ParentModel } from "../../core/model-card.ts";
import { WEIGHTS_FILE } from "../../core/model-folder.ts";
import { readStoredConfig, type TrainingConfig } from "../config/schema.ts";
import { decodeSafetensors, encodeSafetensors, type StoredTensor } from "../data/safetensors.ts";

const FORMAT = "moco-search-weights";
const VERSION = "1";

/** A model whose weights a training begins with. */
export interface WarmStart {
  /** The model itself. */
  readonly model: Model;
  /** The configuration that the weights were trained with. */
  readonly config: TrainingConfig;
  /** The query encoder's tensors by name without prefix, with its head unless it was imported without one. */
  readonly weights: ReadonlyMap<string, StoredTensor>;
  /** The model as the card of its child names it. */
  readonly parent: ParentModel;
}

/** Encodes the weights file of a query encoder. `tensors` are by name without prefix; the head may be missing. */
export function encodeWeights(config: TrainingConfig, tensors: ReadonlyMap<string, StoredTensor>): Uint8Array {
  return encodeSafetensors({ tensors, metadata: { format: FORMAT, version: VERSION, config: JSON.stringify(config) } });
}

/**
 * Reads the weights of a model that was trained here.
 *
 * @throws AppError `invalid_checkpoint` where the model has none, as one added from an ONNX file, or they are of
 *   another format or version.
 */
export async function readWeights(model: Model): Promise<WarmStart> {
  const { card, onnxPath } = model;
  const path = join(dirname(onnxPath), WEIGHTS_FILE);
  const file = await readFile(path).catch((error) => {
    throw new AppError(
      "invalid_checkpoint",
      `Expected model "${card.name}" to have ${WEIGHTS_FILE} to begin from, as models that were trained here do, but it cannot be read.`,
      { cause: error },
    );
  });
  const { config, weights } = decodeWeights(file, path);
  const { name, version, training } = card;
  const before = training?.begunFrom;
  return {
    model,
    config,
    weights,
    parent: {
      name,
      version,
      imagesSeen: (training?.imagesSeen ?? 0) + (before?.imagesSeen ?? 0),
      seconds: (training?.seconds ?? 0) + (before?.seconds ?? 0),
    },
  };
}

/**
 * Decodes a weights file.
 *
 * @param path Where it lies, for messages.
 * @throws AppError `invalid_checkpoint` where it is of another format or version.
 */
export function decodeWeights(file: Uint8Array, path: string): Pick<WarmStart, "config" | "weights"> {
  const { tensors, metadata } = decodeSafetensors(file);
  // The first files had neither; they count as version 1.
  if ((metadata.format ?? FORMAT) !== FORMAT || (metadata.version ?? VERSION) !== VERSION) {
    throw new AppError(
      "invalid_checkpoint",
      `Expected ${FORMAT} version ${VERSION} in ${path} but it is ${metadata.format} version ${metadata.version}. Use the version of moco-search that trained it, or train without it.`,
    );
  }
  return { config: readStoredConfig(metadata.config, path), weights: tensors };
}
