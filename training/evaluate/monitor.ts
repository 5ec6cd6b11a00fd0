// Measures the encoders of a run while they train, on a sample of the collection.
import { mean, nearest } from "../../core/vector.ts";
import type { TrainingConfig } from "../config/schema.ts";
import type { Dataset } from "../data/dataset.ts";
import { compile, input, l2Normalise, type Tensor } from "../graph/index.ts";
import { contrastiveAccuracy, mocoLogits } from "../moco/loss.ts";
import { projectionEncoder } from "../network/encoder.ts";
import { predict } from "../network/heads.ts";
import { pairViews } from "../views/recipe.ts";
import { alignment, effectiveRank, spread, uniformity } from "./embedding-health.ts";
import { knn } from "./knn.ts";
import { compileEmbedding, embeddedView, runningEncoders, sampledViews, viewedSample } from "./viewed-sample.ts";

/** The measures of `embedding-health.ts` and `knn.ts`. */
export interface Health {
  /** This and the next are of the query encoder's projections. */
  readonly spread: number;
  readonly effectiveRank: number;
  /** D: length of a projection. */
  readonly dimensions: number;
  /** Mean squared distance of a query and its key. */
  readonly alignment: number;
  readonly uniformity: number;
  /**
   * Contrastive accuracy with the batch norm's running statistics. Far below that of training, batch statistics leak.
   */
  readonly evaluationAccuracy: number;
  /**
   * kNN top-1 of the pooled features, where there are labels: each image among the others of the sample, √N neighbours.
   */
  readonly knn?: number;
}

/** Indices of images in the data set: one of the sample and those of the sample most similar to it, nearest first. */
export interface Neighbourhood {
  readonly image: number;
  readonly neighbours: readonly { readonly image: number; readonly score: number }[];
}

/** State of the run by its names, `q.…` and `k.…`. */
type State = ReadonlyMap<string, Float32Array>;

/** Measures of one run. */
export interface Monitor {
  /** @param queue [K, D], the negatives of `evaluationAccuracy`. */
  measure(state: State, queue: Float32Array): Promise<{ health: Health; neighbourhoods: Neighbourhood[] }>;
  release(): Promise<void>;
}

/** Images measured at most: pairs of views for the health, whole images for kNN and neighbours. */
const SAMPLE = { pairs: 1024, images: 2048 };
const SHOWN = { images: 8, neighbours: 8 };

/** A monitor for runs of this configuration on this data set. */
export async function createMonitor(
  dataset: Dataset,
  config: TrainingConfig,
  { threads }: { threads: number },
): Promise<Monitor> {
  const { dim } = config;
  const sample = viewedSample(dataset, config);
  const pairs = await compile(pairsGraph(config, sample.batch), { threads });
  const features = await compileEmbedding(config, sample.batch, { threads });

  return {
    async measure(state, queue) {
      const tensors = Object.fromEntries(state);
      const outputs = await sample.run(pairs, sample.indices(SAMPLE.pairs), pairViews(config), { queue, ...tensors });
      const queries = outputs("queries");
      const indices = sample.indices(SAMPLE.images);
      const embedded = (await sample.run(features, indices, embeddedView(config), tensors))("embedding");
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
    async release() {
      await pairs.release();
      await features.release();
    },
  };
}

/** queries and keys [B, D] of two views, and the contrastive accuracy [] against the queue. */
function pairsGraph(config: TrainingConfig, B: number): Record<string, Tensor> {
  const { query: xq, key: xk } = sampledViews(config, B, pairViews(config)); // [B, 3, S, S]
  const { mechanism, predictor } = config;
  const encoders = runningEncoders();
  const hasKeyEncoder = mechanism === "moco" || mechanism === "moco-v3";
  const projected = projectionEncoder(xq, encoders.q, config);
  const queries = l2Normalise(predictor ? predict(projected, encoders.q, predictor) : projected);
  const keys = l2Normalise(projectionEncoder(xk, hasKeyEncoder ? encoders.k : encoders.q, config));
  const queue = input("queue", [config.queue, config.dim]);
  return { queries, keys, accuracy: contrastiveAccuracy(mocoLogits(queries, keys, queue, config.temperature)) };
}

/** Labels of the sample, if they are useful: more than one, and on average at least two images each. */
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
