// The end of a run: exports the encoder, checks it and writes it to models/.
import { basename } from "node:path";
import { normalisePixels } from "../../core/encoder-session.ts";
import { sha256 } from "../../core/hash.ts";
import type { Model } from "../../core/model.ts";
import type { CurvePoint, ModelCard, ParentModel } from "../../core/model-card.ts";
import { writeModel } from "../../core/model-folder.ts";
import { machineName } from "../config/machine.ts";
import type { TrainingConfig } from "../config/schema.ts";
import type { Dataset } from "../data/dataset.ts";
import { scoreStatistics } from "../evaluate/scores.ts";
import { compileEmbedding, embeddedView, viewedSample } from "../evaluate/viewed-sample.ts";
import { describeArchitecture } from "../network/backbone.ts";
import { type Embedding, encoderTensors, type FeatureOptions } from "../network/encoder.ts";
import type { TensorSpec } from "../network/scope.ts";
import type { Epoch, StepMetrics } from "../run/log.ts";
import { encodeWeights } from "../run/warm-start.ts";
import { encoderInput } from "../views/preprocessing.ts";
import { exportEncoder, type WeightPrecision } from "./encoder.ts";
import { fitWhitening, type WhiteningOptions } from "./whitening.ts";

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

/** An embedding to search with. Whitening is fitted to the collection. */
export type EmbeddingChoice =
  | ({ readonly kind: "features" } & FeatureOptions)
  | { readonly kind: "projection" }
  | ({ readonly kind: "whitened" } & WhiteningOptions & FeatureOptions);

/** Retrieves better than plain features, with a smaller index: see docs/results.md. */
export const DEFAULT_EMBEDDING = {
  kind: "whitened",
  dimensions: 128,
  strength: 0.5,
} as const satisfies EmbeddingChoice;

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

/** Most images that a whitening is fitted to. */
const FITTED_IMAGES = 8192;
/** Most features that are whitened together. */
const MOST_JOINED = 1024;
/** Images of the collection that the exported encoder is checked on. */
const CHECKED_IMAGES = 8;

/**
 * Exports the query encoder and writes `models/<name>/`.
 *
 * @throws AppError `invalid_model` where the export does not agree with the training graph, `model_exists`.
 */
export async function publish(options: PublishOptions): Promise<Model> {
  const { name, dataset, metrics, state, threads, embedding: choice = DEFAULT_EMBEDDING } = options;
  const config = { ...options.config, imageSize: options.size ?? options.config.imageSize };
  const tensors = encoderTensors(config);
  const read = (tensor: string) => state.get(`q.${tensor}`)!;
  const feeds = Object.fromEntries(tensors.map(({ name }) => [`q.${name}`, read(name)]));
  const sample = viewedSample(dataset, config);

  const embedding = choice.kind === "whitened" ? await whitened(choice) : choice;
  const graph = await compileEmbedding(config, sample.batch, { threads, embedding });
  const scores = await scoreStatistics(sample, graph, config, feeds);
  await graph.release();

  const cardInput = encoderInput(config.imageSize);
  const check = normalisePixels(await checkImages(dataset, config), CHECKED_IMAGES, cardInput);
  const { onnx, dimensions, difference } = await exportEncoder(config, read, check, {
    embedding,
    ...(options.precision && { precision: options.precision }),
  });
  const now = new Date().toISOString();
  const card: ModelCard = {
    format: "moco-search-model",
    formatVersion: 1,
    name,
    version: now,
    sha256: sha256(onnx),
    input: cardInput,
    dimensions,
    architecture: `${describeArchitecture(config.architecture)}, ${inWords(choice, dimensions)}`,
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

  async function whitened({
    mirrored,
    stages = joinedStages(config.architecture),
    ...wanted
  }: WhiteningOptions & FeatureOptions): Promise<Embedding> {
    const which = { stages, ...(mirrored && { mirrored }) };
    const plain: Embedding = { kind: "features", ...which };
    const features = await compileEmbedding(config, sample.batch, { threads, embedding: plain });
    const indices = sample.indices(FITTED_IMAGES);
    const embedded = (await sample.run(features, indices, embeddedView(config), feeds))("embedding");
    await features.release();
    return { kind: "whitened", ...which, whitening: fitWhitening(embedded, embedded.length / indices.length, wanted) };
  }
}

/**
 * Features of two stages find more than those of one; where they are so many that a whitening takes minutes, of one.
 */
function joinedStages({ widths }: TrainingConfig["architecture"]): number {
  const both = widths.slice(-2).reduce((sum, width) => sum + width, 0);
  return both <= MOST_JOINED ? Math.min(2, widths.length) : 1;
}

function curvePoint({ epoch, imagesSeen, loss, knn }: Epoch): CurvePoint {
  return { epoch, imagesSeen, loss, ...(knn !== undefined && { knn }) };
}

function inWords(choice: EmbeddingChoice, dimensions: number): string {
  if (choice.kind === "projection") return "projection";
  return choice.kind === "features" ? "pooled features" : `pooled features whitened to ${dimensions} dimensions`;
}

/** The first stored images, cropped or tiled to the encoder's size: any real pixels do for the check. */
async function checkImages(dataset: Dataset, { storedSize, imageSize }: TrainingConfig): Promise<Uint8Array> {
  const stored = new Uint8Array(CHECKED_IMAGES * storedSize * storedSize * 3);
  await dataset.read([...Array(CHECKED_IMAGES).keys()], stored);
  const cut = new Uint8Array(CHECKED_IMAGES * imageSize * imageSize * 3);
  const row = imageSize * 3;
  for (let n = 0; n < CHECKED_IMAGES; n++) {
    for (let y = 0; y < imageSize; y++) {
      for (let x = 0; x < imageSize; x += storedSize) {
        const from = (n * storedSize + (y % storedSize)) * storedSize * 3;
        const width = Math.min(storedSize, imageSize - x) * 3;
        cut.set(stored.subarray(from, from + width), (n * imageSize + y) * row + x * 3);
      }
    }
  }
  return cut;
}

const parameterCount = (tensors: readonly TensorSpec[]): number =>
  tensors
    .filter(({ kind, name }) => kind === "parameter" && !name.startsWith("fc."))
    .reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0);
