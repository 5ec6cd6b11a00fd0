// A sample of the collection and views of it that stay the same for the whole run: only the encoder changes from one
// measurement to the next.
import { concatenated } from "../../core/vector.ts";
import type { TrainingConfig } from "../config/schema.ts";
import type { Dataset } from "../data/dataset.ts";
import { randomStream } from "../data/streams.ts";
import { type CompiledGraph, compile, input, type Tensor, type Values } from "../graph/index.ts";
import { type Embedding, embeddingEncoder } from "../network/encoder.ts";
import { evaluationScope, once, type Scope, type TensorSpec } from "../network/scope.ts";
import { drawViews } from "../views/batch.ts";
import { type Normalisation, viewsOf } from "../views/graph.ts";
import { IMAGENET_NORMALISATION } from "../views/preprocessing.ts";
import type { ViewSpec } from "../views/recipe.ts";

const BATCH = 64;

/** A sample of a data set. */
export interface ViewedSample {
  /** Images in a batch of the graph. */
  readonly batch: number;
  /** Indices of at most `most` images, whole batches of them, in random order. */
  indices(most: number): Uint32Array;
  /**
   * Runs `graph` on views of the images at `indices`, batch by batch.
   *
   * @param graph Takes `images`, the inputs of `views` and `feeds`.
   * @returns The values of an output by its name, all batches joined.
   */
  run(
    graph: CompiledGraph,
    indices: Uint32Array,
    views: readonly ViewSpec[],
    feeds: Values,
  ): Promise<(output: string) => Float32Array>;
}

/** The sample that `config.seed` draws. */
export function viewedSample(dataset: Dataset, config: TrainingConfig): ViewedSample {
  const { storedSize, seed } = config;
  const batch = Math.min(BATCH, dataset.count);
  const order = randomStream(seed, "sample").permutation(dataset.count);
  return {
    batch,
    indices: (most) => order.subarray(0, Math.floor(Math.min(most, dataset.count) / batch) * batch),
    async run(graph, indices, views, feeds) {
      const random = randomStream(seed, "sample");
      const images = new Uint8Array(batch * storedSize * storedSize * 3);
      const outputs: Record<string, Float32Array[]> = {};
      for (let first = 0; first < indices.length; first += batch) {
        const part = indices.subarray(first, first + batch);
        await dataset.read(part, images);
        const results = await graph.run({ images, ...feeds, ...drawViews(random, views, dataset, part) });
        for (const [name, values] of Object.entries(results)) {
          outputs[name] = [...(outputs[name] ?? []), values as Float32Array];
        }
      }
      return (name) => concatenated(outputs[name]!);
    },
  };
}

/** Normalised views [B, 3, S, S] by name, of stored images uint8 [B, S₀, S₀, 3] that the graph takes as `images`. */
export const sampledViews = <Name extends string>(
  { storedSize, normalisation: own = IMAGENET_NORMALISATION }: TrainingConfig,
  B: number,
  views: ReadonlyArray<ViewSpec<Name>>,
  normalisation: Normalisation = own,
): Record<Name, Tensor> => viewsOf(input("images", [B, storedSize, storedSize, 3], "uint8"), views, normalisation);

/** The one view that {@link compileEmbedding} embeds. @param recipe `whole` for the image as it is searched with. */
export const embeddedView = ({ imageSize: size }: TrainingConfig, recipe: ViewSpec["recipe"] = "whole") =>
  [{ name: "view", size, recipe }] as const satisfies readonly ViewSpec[];

/**
 * The encoders of a run with running statistics. They may encode several views: each tensor is one input; what is fixed
 * is the same for both.
 */
export function runningEncoders(): Record<"q" | "k", Scope> {
  const tensor = once(({ name, shape }: Pick<TensorSpec, "name" | "shape">) => input(name, shape));
  const encoder = (net: "q" | "k") =>
    evaluationScope(({ name, shape, kind }) => tensor({ name: `${kind === "fixed" ? "q" : net}.${name}`, shape }));
  return { q: encoder("q"), k: encoder("k") };
}

/** Embeds one view of stored images, {@link embeddedView}, with the query encoder: output `embedding` [B, D]. */
export function compileEmbedding(
  config: TrainingConfig,
  batch: number,
  options: { readonly threads: number; readonly embedding?: Embedding; readonly normalisation?: Normalisation },
): Promise<CompiledGraph> {
  const { view } = sampledViews(config, batch, embeddedView(config), options.normalisation);
  const embedding = embeddingEncoder(view, runningEncoders().q, config, options.embedding);
  return compile({ embedding }, options);
}
