// The end of a run: export, check, and hand the model over in models/.
import { basename } from "node:path";
import { normalisePixels } from "../../core/encoder-session.ts";
import type { CurvePoint, ModelCard, ParentModel } from "../../core/model-card.ts";
import { type Model, sha256, writeModel } from "../../core/model-folder.ts";
import { machineName } from "../config/machine.ts";
import type { TrainingConfig } from "../config/schema.ts";
import type { Dataset } from "../data/dataset.ts";
import { scoreStatistics } from "../evaluate/scores.ts";
import { compileEmbedding, embeddedView, viewedSample } from "../evaluate/viewed-sample.ts";
import { describeArchitecture } from "../network/backbone.ts";
import { type Embedding, encoderTensors } from "../network/encoder.ts";
import type { TensorSpec } from "../network/scope.ts";
import type { Epoch, StepMetrics } from "../run/log.ts";
import { encodeWeights } from "../run/warm-start.ts";
import { encoderInput } from "../views/preprocessing.ts";
import { exportEncoder, type WeightPrecision } from "./encoder.ts";
import { fitWhitening, type WhiteningOptions } from "./whitening.ts";

/** What the exported encoder gives and how it is kept. */
export interface ExportOptions {
  /** What is searched with. @default {@link DEFAULT_EMBEDDING} */
  readonly embedding?: EmbeddingChoice;
  /** Side of the images that the encoder takes, pixels. @default that of the views */
  readonly size?: number;
  /** Of the weights in the file. @default "float32" */
  readonly precision?: WeightPrecision;
  /** Licence situation of the images, for the card. @default "the licence of the training images" */
  readonly licence?: string;
}

/** What is searched with; a whitening is fitted to the collection. */
export type EmbeddingChoice =
  | { readonly kind: "features" }
  | { readonly kind: "projection" }
  | ({ readonly kind: "whitened" } & WhiteningOptions);

/** Better in retrieval than plain features, in a smaller index: docs/results.md has the numbers. */
export const DEFAULT_EMBEDDING = {
  kind: "whitened",
  dimensions: 128,
  strength: 0.5,
} as const satisfies EmbeddingChoice;

/** What is needed to publish a run. */
export interface PublishOptions extends ExportOptions {
  readonly name: string;
  readonly modelsFolder: string;
  /** What the run was trained on, for the card. */
  readonly images: readonly string[];
  readonly replace?: boolean;
  readonly config: TrainingConfig;
  readonly dataset: Dataset;
  /** Of the run: the query encoder's tensors as `q.…`. */
  readonly state: ReadonlyMap<string, Float32Array>;
  readonly metrics: StepMetrics;
  /** What was measured after its epochs. */
  readonly epochs: readonly Epoch[];
  /** The model whose weights the run began with. */
  readonly parent: ParentModel | undefined;
  readonly threads: number;
}

/** Images that a whitening is fitted to at most. */
const FITTED_IMAGES = 8192;
/** How many of the collection's own images the exported encoder is checked on. */
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
  const feeds = Object.fromEntries(tensors.map((spec) => [`q.${spec.name}`, state.get(`q.${spec.name}`)!]));
  const sample = viewedSample(dataset, config);

  const embedding = choice.kind === "whitened" ? await whitened(choice) : choice;
  const graph = await compileEmbedding(config, sample.batch, { threads, embedding });
  const scores = await scoreStatistics(sample, graph, config, feeds);
  await graph.release();

  const cardInput = encoderInput(config.imageSize);
  const check = normalisePixels(await checkImages(dataset, config), CHECKED_IMAGES, cardInput);
  const { onnx, dimensions, difference } = await exportEncoder(config, (tensor) => feeds[`q.${tensor}`]!, check, {
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
  const trained = new Map(tensors.map(({ name, shape }) => [name, { shape, data: feeds[`q.${name}`]! }]));
  const weights = encodeWeights(options.config, trained);
  return writeModel(options.modelsFolder, card, { onnx, weights }, { replace: options.replace ?? false });

  async function whitened(wanted: WhiteningOptions): Promise<Embedding> {
    const features = await compileEmbedding(config, sample.batch, { threads });
    const indices = sample.indices(FITTED_IMAGES);
    const embedded = (await sample.run(features, indices, embeddedView(config), feeds))("embedding");
    await features.release();
    return { kind: "whitened", whitening: fitWhitening(embedded, embedded.length / indices.length, wanted) };
  }
}

function curvePoint({ epoch, imagesSeen, loss, knn }: Epoch): CurvePoint {
  return { epoch, imagesSeen, loss, ...(knn !== undefined && { knn }) };
}

function inWords(choice: EmbeddingChoice, dimensions: number): string {
  if (choice.kind === "projection") return "projection";
  return choice.kind === "features" ? "pooled features" : `pooled features whitened to ${dimensions} dimensions`;
}

/** The first stored images, cut to the encoder's size at the top left or repeated up to it: any real pixels serve the check. */
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
