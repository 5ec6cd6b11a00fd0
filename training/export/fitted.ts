// An encoder made to fit a collection: its features whitened there, its typical similarities measured, and exported.

import type { EncoderInput, ScoreStatistics } from "../../core/model-card.ts";
import { normalisePixels } from "../../core/pixel-tensor.ts";
import type { TrainingConfig } from "../config/schema.ts";
import { type Dataset, openDataset } from "../data/dataset.ts";
import { scoreStatistics } from "../evaluate/scores.ts";
import { compileEmbedding, embeddedView, viewedSample } from "../evaluate/viewed-sample.ts";
import { type Embedding, encoderTensors, type FeatureOptions } from "../network/encoder.ts";
import { isHead } from "../network/heads.ts";
import type { ViewRecipe, ViewSpec } from "../views/recipe.ts";
import { type ExportedEncoder, exportEncoder, type ReadTensor, type WeightPrecision } from "./encoder.ts";
import { layoutFor } from "./layout.ts";
import { matchingCovariance } from "./matching.ts";
import { fitWhitening, type WhiteningOptions } from "./whitening.ts";

/** An embedding to search with. Whitening is fitted to the collection. */
export type EmbeddingChoice =
  | ({ readonly kind: "features" } & FeatureOptions)
  | { readonly kind: "projection" }
  | ({
      readonly kind: "whitened";
      /** Evens out what should not matter: see matching.ts. @default true */
      readonly matched?: boolean;
    } & WhiteningOptions &
      FeatureOptions);

/** Retrieves better than plain features, with a smaller index: see docs/results.md. */
export const DEFAULT_EMBEDDING = {
  kind: "whitened",
  dimensions: 256,
  strength: 0,
} as const satisfies EmbeddingChoice;

/** Options of {@link fitEncoder}. */
export interface FitOptions {
  readonly embedding: EmbeddingChoice;
  /** How the encoder takes its images. */
  readonly input: EncoderInput;
  readonly threads: number;
  /** @default "float32" */
  readonly precision?: WeightPrecision | undefined;
}

/** Most images that a whitening is fitted to. */
const FITTED_IMAGES = 8192;
/** How often a view is drawn of an image at most, to see what should not matter. */
const MOST_VIEWINGS = 8;
/** Most features that are whitened together: 8,192 images of so many take 134 MB. */
const MOST_FEATURES = 4096;
/** Images that are looked at for how alike they are laid out. */
const COMPARED_IMAGES = 1024;
/** Images of the collection that the exported encoder is checked on. */
const CHECKED_IMAGES = 8;

/**
 * Fits and exports an encoder.
 *
 * @param dataset The collection, stored at `config.storedSize`.
 * @throws AppError `invalid_model` where the export does not agree with the training graph.
 */
export async function fitEncoder(
  config: TrainingConfig,
  read: ReadTensor,
  dataset: Dataset,
  { embedding: choice, input, threads, precision }: FitOptions,
): Promise<ExportedEncoder & { readonly scores: ScoreStatistics }> {
  const sample = viewedSample(dataset, config);
  const wanted = encoderTensors(config).filter(({ name }) => choice.kind === "projection" || !isHead(name));
  const feeds = Object.fromEntries(wanted.map(({ name }) => [`q.${name}`, read(name)]));
  const embedding = choice.kind === "whitened" ? await fitted(choice) : choice;
  const graph = await compileEmbedding(config, sample.batch, { threads, embedding, normalisation: input });
  const scores = await scoreStatistics(sample, graph, config, feeds);
  await graph.release();
  const check = normalisePixels(await checkImages(dataset, config), CHECKED_IMAGES, input);
  const exported = await exportEncoder(config, read, check, { embedding, ...(precision && { precision }) });
  return { ...exported, scores };

  async function fitted(choice: Extract<EmbeddingChoice, { kind: "whitened" }>): Promise<Embedding> {
    const richest = richestFeatures(config);
    const { stages = richest.stages, mirrored = false, matched = true } = choice;
    const fitting = () => (richest.hasLayout ? layoutFor(dataset, sample.indices(COMPARED_IMAGES)) : 0);
    const layout = choice.layout ?? (await fitting());
    const which = { stages, layout, mirrored };
    const plain: Embedding = { kind: "features", ...which };
    const options = { threads, embedding: plain, normalisation: input };
    const graph = await compileEmbedding(config, sample.batch, options);
    const features = async (indices: Uint32Array, recipe: ViewSpec["recipe"]) =>
      (await sample.run(graph, indices, embeddedView(config, recipe), feeds))("embedding");
    const indices = sample.indices(FITTED_IMAGES);
    const whole = await features(indices, "whole");
    const views = matched ? await features(repeated(indices), shownAgain(config.views)) : undefined;
    await graph.release();
    const F = whole.length / indices.length;
    const matching = views && (await matchingCovariance(whole, views, F, threads));
    const whitening = await fitWhitening(whole, F, choice, { matching, threads });
    return { kind: "whitened", ...which, whitening };
  }
}

/** Views that differ as two pictures of a thing do. Those of a training are made harder than that. */
function shownAgain({ cropScale: [least, most], jitter, ...views }: ViewRecipe): ViewRecipe {
  const { brightness, contrast, saturation, hue } = jitter;
  const milder = { brightness: brightness / 2, contrast: contrast / 2, saturation: saturation / 2, hue: hue / 2 };
  return {
    ...views,
    grey: 0,
    cropScale: [Math.min(most, Math.max(least, 0.4)), most],
    jitter: { ...jitter, ...milder },
  };
}

/** Images at these places, several times where they are few: each time another view is drawn. */
function repeated(indices: Uint32Array): Uint32Array {
  const times = Math.max(1, Math.min(MOST_VIEWINGS, Math.floor(FITTED_IMAGES / indices.length)));
  return Uint32Array.from({ length: times * indices.length }, (_, i) => indices[i % indices.length]!);
}

/**
 * Two stages find more than one, and layout adds to them; each is left out where the features were too many to whiten.
 */
function richestFeatures({ architecture: { widths } }: TrainingConfig): { stages: number; hasLayout: boolean } {
  const [last, before] = [widths.at(-1)!, widths.at(-2) ?? 0];
  const stages = before + last <= MOST_FEATURES ? Math.min(2, widths.length) : 1;
  return { stages, hasLayout: before + 5 * last <= MOST_FEATURES };
}

/** Images that {@link fitEncoderTo} opens. */
export interface ImagesToFit {
  /** Folders, archives or files of images. */
  readonly images: readonly string[];
  /** Folder for decoded images. @default the user's cache folder */
  readonly cacheFolder?: string;
  readonly onReading?: (done: number, total: number | undefined) => void;
}

/**
 * As {@link fitEncoder}, on images that are opened for it; `count` of them.
 *
 * @throws AppError `invalid_dataset`, also where there are fewer than 16.
 */
export async function fitEncoderTo(
  { images, cacheFolder, onReading = () => {} }: ImagesToFit,
  config: TrainingConfig,
  read: ReadTensor,
  options: FitOptions,
): Promise<ExportedEncoder & { readonly scores: ScoreStatistics; readonly count: number }> {
  const shape = { width: config.storedSize, height: config.storedSize, fit: "fill" } as const;
  const dataset = await openDataset(images, shape, {
    ...(cacheFolder && { cacheFolder }),
    atLeast: 16,
    onProgress: ({ done, total }) => onReading(done, total),
  });
  try {
    return { ...(await fitEncoder(config, read, dataset, options)), count: dataset.count };
  } finally {
    await dataset.close();
  }
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
