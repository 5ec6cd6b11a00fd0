// The end of a run: exports the encoder, checks it and writes it to models/.
import { basename } from "node:path";
import { AppError } from "../../core/errors.ts";
import { sha256 } from "../../core/hash.ts";
import type { Model } from "../../core/model.ts";
import type { CurvePoint, ModelCard, ParentModel } from "../../core/model-card.ts";
import { writeModel } from "../../core/model-folder.ts";
import { machineName } from "../config/machine.ts";
import type { TrainingConfig } from "../config/schema.ts";
import type { Dataset } from "../data/dataset.ts";
import { describeArchitecture } from "../network/backbone.ts";
import { encoderTensors } from "../network/encoder.ts";
import { isHead } from "../network/heads.ts";
import type { TensorSpec } from "../network/scope.ts";
import type { Epoch, StepMetrics } from "../run/log.ts";
import { encodeWeights } from "../run/warm-start.ts";
import { encoderInput } from "../views/preprocessing.ts";
import type { WeightPrecision } from "./encoder.ts";
import { DEFAULT_EMBEDDING, type EmbeddingChoice, fitEncoder } from "./fitted.ts";

/** What is exported. */
export interface ExportOptions {
  /** The embedding to search with. @default {@link DEFAULT_EMBEDDING} */
  readonly embedding?: EmbeddingChoice;
  /** Side of the encoder's input, pixels. @default that of the views */
  readonly size?: number;
  /** Number format of the weights in the file. @default "float32" */
  readonly precision?: WeightPrecision;
  /** Licence situation of the images, for the card. @default "the licence of the training images" */
  readonly licence?: string;
}

/** Options of {@link publish}. */
export interface PublishOptions extends ExportOptions {
  readonly name: string;
  readonly modelsFolder: string;
  /** Paths of the training images, for the card. */
  readonly images: readonly string[];
  readonly replace?: boolean;
  readonly config: TrainingConfig;
  readonly dataset: Dataset;
  /** State of the run, with the query encoder's tensors as `q.…`. */
  readonly state: ReadonlyMap<string, Float32Array>;
  readonly metrics: StepMetrics;
  /** Measurements of the run. */
  readonly epochs: readonly Epoch[];
  /** The model whose weights the run began with. */
  readonly parent: ParentModel | undefined;
  readonly threads: number;
}

/**
 * Exports the query encoder and writes `models/<name>/`.
 *
 * @throws AppError `invalid_model` where the export does not agree with the training graph, `model_exists`.
 */
export async function publish(options: PublishOptions): Promise<Model> {
  const { name, dataset, metrics, state, threads, embedding: choice = DEFAULT_EMBEDDING } = options;
  const config = atSize(options.config, options.size);
  const tensors = encoderTensors(config);
  const read = (tensor: string) => state.get(`q.${tensor}`)!;
  const cardInput = encoderInput(config.imageSize, config.normalisation);
  const fitted = await fitEncoder(config, read, dataset, {
    embedding: choice,
    input: cardInput,
    threads,
    ...(options.precision && { precision: options.precision }),
  });
  const { onnx, dimensions, difference, scores, description } = fitted;
  const now = new Date().toISOString();
  const card: ModelCard = {
    format: "moco-search-model",
    formatVersion: 1,
    name,
    version: now,
    sha256: sha256(onnx),
    input: cardInput,
    dimensions,
    architecture: `${describeArchitecture(config.architecture)}, ${description}`,
    parameters: parameterCount(tensors),
    training: {
      data: options.images.map((path) => basename(path)).join(", "),
      images: dataset.count,
      epochs: metrics.epoch,
      imagesSeen: metrics.step * config.batch,
      seconds: metrics.seconds,
      recipe: { ...options.config },
      metrics: { loss: metrics.loss, accuracy: metrics.accuracy, exportDifference: difference },
      machine: machineName(),
      curve: options.epochs.map(curvePoint),
      ...(options.parent && { begunFrom: options.parent }),
    },
    scores,
    licence: options.licence ?? "the licence of the training images",
    createdAt: now,
  };
  const trained = new Map(tensors.map(({ name, shape }) => [name, { shape, data: read(name) }]));
  const weights = encodeWeights(options.config, trained);
  return writeModel(options.modelsFolder, card, { onnx, weights }, { replace: options.replace ?? false });
}

/**
 * A configuration for images of another size.
 *
 * @throws AppError `invalid_configuration` for a transformer.
 */
export function atSize(config: TrainingConfig, imageSize = config.imageSize): TrainingConfig {
  if (config.architecture.block === "vit" && imageSize !== config.imageSize) {
    throw new AppError(
      "invalid_configuration",
      `Expected the ${config.imageSize} pixels that the transformer's positions were learned for, not ${imageSize}. Leave the size out.`,
    );
  }
  return { ...config, imageSize };
}

function curvePoint({ epoch, imagesSeen, loss, knn }: Epoch): CurvePoint {
  return { epoch, imagesSeen, loss, ...(knn !== undefined && { knn }) };
}

/** Learned numbers of an encoder without its head. */
export const parameterCount = (tensors: readonly TensorSpec[]): number =>
  tensors
    .filter(({ kind, name }) => kind === "parameter" && !isHead(name))
    .reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0);
