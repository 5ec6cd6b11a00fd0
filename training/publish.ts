// The end of a run: export, check, and hand the model over in models/.

import { readFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { normalisePixels } from "../core/encoder-session.ts";
import { AppError } from "../core/errors.ts";
import type { ModelCard, ScoreStatistics } from "../core/model-card.ts";
import { type Model, sha256, WEIGHTS_FILE, writeModel } from "../core/model-folder.ts";
import { parseTrainingConfig, type TrainingConfig } from "./config.ts";
import type { Dataset } from "./data/dataset.ts";
import { exportEncoder } from "./export-encoder.ts";
import { machineName } from "./machine.ts";
import type { MocoStep } from "./moco/step.ts";
import { describeArchitecture } from "./network/backbone.ts";
import { encoderInput } from "./preprocessing.ts";
import { encoderWeights } from "./run-state.ts";
import { decodeSafetensors, encodeSafetensors, type StoredTensor } from "./safetensors.ts";
import type { StepMetrics } from "./train.ts";

/** What is needed to publish a run. */
export interface PublishOptions {
  readonly name: string;
  readonly modelsFolder: string;
  readonly images: readonly string[];
  readonly replace?: boolean;
  readonly config: TrainingConfig;
  readonly dataset: Dataset;
  readonly step: MocoStep;
  readonly state: ReadonlyMap<string, Float32Array>;
  readonly metrics: StepMetrics;
  readonly scores: ScoreStatistics;
  /** Licence situation of the images, for the card. @default "the licence of the training images" */
  readonly licence?: string;
}

/** How many of the collection's own images the exported encoder is checked on. */
const CHECKED_IMAGES = 8;

/**
 * Exports the query encoder and writes `models/<name>/`.
 *
 * @throws AppError `invalid_model` where the export does not agree with the training graph, `model_exists`.
 */
export async function publish(options: PublishOptions): Promise<Model> {
  const { name, config, dataset, metrics, step, state } = options;
  const cardInput = encoderInput(config.imageSize);
  const check = normalisePixels(await checkImages(dataset, config), CHECKED_IMAGES, cardInput);
  const { onnx, dimensions, difference } = await exportEncoder(config, (tensor) => state.get(`q.${tensor}`)!, check);
  const now = new Date().toISOString();
  const card: ModelCard = {
    format: "moco-search-model",
    formatVersion: 1,
    name,
    version: now,
    sha256: sha256(onnx),
    input: cardInput,
    dimensions,
    architecture: describeArchitecture(config.architecture),
    parameters: parameterCount(step),
    training: {
      data: options.images.map((path) => basename(path)).join(", "),
      images: dataset.count,
      epochs: metrics.epoch,
      imagesSeen: metrics.step * config.batch,
      seconds: metrics.seconds,
      recipe: { ...config },
      metrics: { loss: metrics.loss, accuracy: metrics.accuracy, exportDifference: difference },
      machine: machineName(),
    },
    scores: options.scores,
    licence: options.licence ?? "the licence of the training images",
    createdAt: now,
  };
  const weights = encodeSafetensors({
    tensors: encoderWeights(step, state),
    metadata: { config: JSON.stringify(config) },
  });
  return writeModel(options.modelsFolder, card, { onnx, weights }, { replace: options.replace ?? false });
}

/**
 * The weights of a model, for a training that begins from them.
 *
 * @throws AppError `invalid_checkpoint` where the model has none: one that was added as ONNX, say.
 */
export async function readWeights(
  model: Model,
): Promise<{ config: TrainingConfig; weights: ReadonlyMap<string, StoredTensor> }> {
  const path = join(dirname(model.onnxPath), WEIGHTS_FILE);
  const file = await readFile(path).catch((error) => {
    throw new AppError(
      "invalid_checkpoint",
      `Expected model "${model.card.name}" to have ${WEIGHTS_FILE} to begin from, as models that were trained here do, but it cannot be read.`,
      { cause: error },
    );
  });
  const { tensors, metadata } = decodeSafetensors(file);
  return { config: parseTrainingConfig(JSON.parse(metadata.config ?? "null")), weights: tensors };
}

/** The first stored images, cut to the encoder's size at the top left: any real pixels serve the check. */
async function checkImages(dataset: Dataset, { storedSize, imageSize }: TrainingConfig): Promise<Uint8Array> {
  const stored = new Uint8Array(CHECKED_IMAGES * storedSize * storedSize * 3);
  await dataset.read([...Array(CHECKED_IMAGES).keys()], stored);
  const cut = new Uint8Array(CHECKED_IMAGES * imageSize * imageSize * 3);
  const row = imageSize * 3;
  for (let n = 0; n < CHECKED_IMAGES; n++) {
    for (let y = 0; y < imageSize; y++) {
      const from = (n * storedSize + y) * storedSize * 3;
      cut.set(stored.subarray(from, from + row), (n * imageSize + y) * row);
    }
  }
  return cut;
}

const parameterCount = ({ tensors }: MocoStep): number =>
  tensors
    .filter(({ kind, name }) => kind === "parameter" && !name.startsWith("fc."))
    .reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0);
