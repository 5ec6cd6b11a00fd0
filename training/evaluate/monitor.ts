// Measures of the encoders while they train, on a sample of the collection that stays the same for the whole run, seen
// through views that stay the same: what changes from epoch to epoch is the encoder alone. Nothing here touches the run.
import type { ScoreStatistics } from "../../core/model-card.ts";
import { dot, nearest } from "../../core/vector.ts";
import type { TrainingConfig } from "../config.ts";
import type { Dataset } from "../data/dataset.ts";
import { createRandom } from "../data/random.ts";
import { embeddingEncoder, projectionEncoder } from "../encoder.ts";
import { type CompiledGraph, compile, input, l2Normalise, type Tensor, type Values } from "../graph/index.ts";
import { contrastiveAccuracy, mocoLogits } from "../moco/loss.ts";
import { allocateViewMatrices, drawView, type ViewRecipe } from "../moco/view-matrices.ts";
import { view, viewFeeds } from "../moco/views.ts";
import { evaluationScope, type Scope } from "../network/scope.ts";
import { IMAGENET_NORMALISATION } from "../preprocessing.ts";
import { alignment, effectiveRank, spread, uniformity } from "./health.ts";
import { knn } from "./knn.ts";

/** What the encoders are like, by the measures of `health.ts` and `knn.ts`. */
export interface Health {
  /** Of the query encoder's projections. */
  readonly spread: number;
  readonly effectiveRank: number;
  /** D: length of a projection. */
  readonly dimensions: number;
  /** Mean squared distance of a query and its key. */
  readonly alignment: number;
  readonly uniformity: number;
  /** Contrastive accuracy with the batch norm's running statistics: it falls short of training's where that leaks. */
  readonly evaluationAccuracy: number;
  /** kNN top-1 of the pooled features, each image among the others of the sample, √N neighbours; where there are labels. */
  readonly knn?: number;
}

/** Indices of images in the data set: one of the sample and those of the sample most similar to it, nearest first. */
export interface Neighbourhood {
  readonly image: number;
  readonly neighbours: readonly { readonly image: number; readonly score: number }[];
}

/** State of the run by its names, `q.…` and `k.…`. */
type State = ReadonlyMap<string, Float32Array>;

/** Measures a run from time to time. */
export interface Monitor {
  /** @param queue [K, D], the negatives of `evaluationAccuracy`. */
  measure(state: State, queue: Float32Array): Promise<{ health: Health; neighbourhoods: Neighbourhood[] }>;
  /** Similarities of the pooled features: an image with a view of it, and two images. */
  scores(state: State): Promise<ScoreStatistics>;
  release(): Promise<void>;
}

/** Images measured at most: pairs of views for the health, whole images for kNN and neighbours, pairs for scores. */
const SAMPLE = { pairs: 1024, images: 2048, scores: 512 };
const BATCH = 64;
const SHOWN = { images: 8, neighbours: 8 };

// A stream of the seed that nothing else uses: see run-state.ts.
const MONITOR_STREAM = 2 ** 32 - 2;

const WHOLE_IMAGE: ViewRecipe = {
  cropScale: [1, 1],
  flip: 0,
  jitter: { probability: 0, brightness: 0, contrast: 0, saturation: 0, hue: 0 },
  grey: 0,
  greyFirst: false,
  blur: { probability: 0, sigma: [0, 0] },
};

/** A monitor of runs with this configuration on this data set. */
export async function createMonitor(
  dataset: Dataset,
  config: TrainingConfig,
  { threads }: { threads: number },
): Promise<Monitor> {
  const { storedSize, imageSize, dim, seed } = config;
  const batch = Math.min(BATCH, dataset.count);
  const order = createRandom(seed, MONITOR_STREAM).permutation(dataset.count);
  const sample = (most: number) => order.subarray(0, Math.floor(Math.min(most, dataset.count) / batch) * batch);
  const pairs = await compile(pairsGraph(config, batch), { threads });
  const features = await compile(featuresGraph(config, batch), { threads });

  /** Runs `graph` over the images at `indices`; what each output gives, one batch after another. */
  const run = async (
    graph: CompiledGraph,
    indices: Uint32Array,
    views: Readonly<Record<string, ViewRecipe>>,
    feeds: Values,
  ) => {
    const random = createRandom(seed, MONITOR_STREAM);
    const images = new Uint8Array(batch * storedSize * storedSize * 3);
    const size = { from: storedSize, to: imageSize };
    const outputs: Record<string, Float32Array[]> = {};
    for (let first = 0; first < indices.length; first += batch) {
      const part = indices.subarray(first, first + batch);
      await dataset.read(part, images);
      const matrices: Values[] = Object.entries(views).map(([name, recipe]) => {
        const room = allocateViewMatrices(batch, storedSize, imageSize);
        part.forEach((index, n) => {
          const whole = { width: storedSize, height: storedSize };
          const original = { width: dataset.originalWidths[index]!, height: dataset.originalHeights[index]! };
          drawView(random, recipe, size, recipe === WHOLE_IMAGE ? whole : original, room, n);
        });
        return viewFeeds(name, room);
      });
      const results = await graph.run(Object.assign({ images, ...feeds }, ...matrices));
      for (const [name, values] of Object.entries(results)) {
        outputs[name] = [...(outputs[name] ?? []), values as Float32Array];
      }
    }
    return (name: string) => join(outputs[name]!);
  };

  const embeddings = async (state: State, indices: Uint32Array, recipe: ViewRecipe) =>
    (await run(features, indices, { whole: recipe }, Object.fromEntries(state)))("embedding");

  return {
    async measure(state, queue) {
      const views = { query: config.views, key: config.views };
      const outputs = await run(pairs, sample(SAMPLE.pairs), views, { queue, ...Object.fromEntries(state) });
      const queries = outputs("queries");
      const indices = sample(SAMPLE.images);
      const embedded = await embeddings(state, indices, WHOLE_IMAGE);
      const labels = usefulLabels(dataset, indices);
      return {
        health: {
          spread: spread(queries, dim),
          effectiveRank: effectiveRank(queries, dim),
          dimensions: dim,
          alignment: alignment(queries, outputs("keys"), dim),
          uniformity: uniformity(queries, dim),
          evaluationAccuracy: mean(outputs("accuracy")),
          ...(labels && { knn: (await knn({ embeddings: embedded, labels }, undefined, votes(indices.length))).top1 }),
        },
        neighbourhoods: neighbourhoods(embedded, indices),
      };
    },
    async scores(state) {
      const indices = sample(SAMPLE.scores);
      const whole = await embeddings(state, indices, WHOLE_IMAGE);
      const other = await embeddings(state, indices, config.views);
      const d = whole.length / indices.length;
      const row = (of: Float32Array, n: number) => of.subarray(n * d, (n + 1) * d);
      const positive = Float64Array.from(indices, (_, n) => dot(row(whole, n), row(other, n)));
      const next = (n: number) => (n + 1) % indices.length; // the sample is in random order
      const random = Float64Array.from(indices, (_, n) => dot(row(whole, n), row(whole, next(n))));
      return { positive: statistics(positive), random: statistics(random) };
    },
    async release() {
      await pairs.release();
      await features.release();
    },
  };
}

/** queries and keys [B, D] of two views, and the contrastive accuracy [] against the queue. */
function pairsGraph(config: TrainingConfig, B: number): Record<string, Tensor> {
  const images = storedImages(config, B);
  const projection = (encoder: Scope, name: string) =>
    l2Normalise(projectionEncoder(viewOf(config, images, name), encoder, config));
  const queryEncoder = evaluation("q");
  const queries = projection(queryEncoder, "query");
  const keys = projection(config.mechanism === "moco" ? evaluation("k") : queryEncoder, "key"); // the others have one
  const queue = input("queue", [config.queue, config.dim]);
  return { queries, keys, accuracy: contrastiveAccuracy(mocoLogits(queries, keys, queue, config.temperature)) };
}

/** Pooled features of unit norm [B, F] of one view. */
function featuresGraph(config: TrainingConfig, B: number): Record<string, Tensor> {
  return { embedding: embeddingEncoder(viewOf(config, storedImages(config, B), "whole"), evaluation("q"), config) };
}

const storedImages = ({ storedSize: S0 }: TrainingConfig, B: number) => input("images", [B, S0, S0, 3], "uint8");
const viewOf = ({ imageSize }: TrainingConfig, images: Tensor, name: string) =>
  view(images, name, imageSize, IMAGENET_NORMALISATION);

/** The encoder `q` or `k` as it is used. It may encode several views: its tensors are inputs once. */
function evaluation(encoder: string): Scope {
  const tensors = new Map<string, Tensor>();
  return evaluationScope(({ name, shape }) => {
    const tensor = tensors.get(name) ?? input(`${encoder}.${name}`, shape);
    tensors.set(name, tensor);
    return tensor;
  });
}

/** Labels of the sample where they can say something: more than one, and most of them more than once. */
function usefulLabels(dataset: Dataset, indices: Uint32Array): string[] | undefined {
  if (!dataset.labels) return undefined;
  const labels = Array.from(indices, (index) => dataset.labels![index]!);
  const different = new Set(labels).size;
  return different > 1 && different <= labels.length / 2 ? labels : undefined;
}

const votes = (count: number) => ({ k: Math.min(200, Math.round(Math.sqrt(count))) });

function neighbourhoods(embeddings: Float32Array, indices: Uint32Array): Neighbourhood[] {
  const d = embeddings.length / indices.length;
  const row = (n: number) => embeddings.subarray(n * d, (n + 1) * d);
  return Array.from(indices.subarray(0, SHOWN.images), (image, n) => ({
    image,
    neighbours: nearest(row(n), embeddings, SHOWN.neighbours + 1)
      .filter(({ index }) => index !== n)
      .slice(0, SHOWN.neighbours)
      .map(({ index, score }) => ({ image: indices[index]!, score })),
  }));
}

function join(parts: readonly Float32Array[]): Float32Array {
  const joined = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}

const mean = (values: ArrayLike<number>) => Array.from(values).reduce((sum, v) => sum + v, 0) / values.length;

function statistics(values: Float64Array): { mean: number; std: number } {
  const average = mean(values);
  return { mean: average, std: Math.sqrt(mean(values.map((v) => (v - average) ** 2))) };
}
