// A sample of the collection that stays the same for the whole run, seen through views that stay the same: what changes
// from one measurement to the next is the encoder alone. Nothing here touches the run.
import type { TrainingConfig } from "../config/schema.ts";
import type { Dataset } from "../data/dataset.ts";
import { createRandom } from "../data/random.ts";
import { type CompiledGraph, compile, input, type Tensor, type Values } from "../graph/index.ts";
import { type Embedding, embeddingEncoder } from "../network/encoder.ts";
import { evaluationScope, type Scope } from "../network/scope.ts";
import { allocateViewMatrices, drawView, type ViewRecipe } from "../views/draw.ts";
import { view, viewFeeds } from "../views/graph.ts";
import { IMAGENET_NORMALISATION } from "../views/preprocessing.ts";

// A stream of the seed that nothing else uses: see run-state.ts.
const SAMPLE_STREAM = 2 ** 32 - 2;
const BATCH = 64;

/** The view that shows all of an image as it is. */
export const WHOLE_IMAGE: ViewRecipe = {
  cropScale: [1, 1],
  flip: 0,
  jitter: { probability: 0, brightness: 0, contrast: 0, saturation: 0, hue: 0 },
  grey: 0,
  greyFirst: false,
  blur: { probability: 0, sigma: [0, 0] },
};

/** A sample of a data set. */
export interface ViewedSample {
  /** Images that a graph takes at once. */
  readonly batch: number;
  /** Indices of at most `most` images, whole batches of them, in random order. */
  indices(most: number): Uint32Array;
  /**
   * Runs `graph` on views of the images at `indices`, batch by batch.
   *
   * @param graph Takes `images` and, for each name of `views`, the inputs of {@link viewOf} besides `feeds`.
   * @returns What an output gave, one batch after another.
   */
  run(
    graph: CompiledGraph,
    indices: Uint32Array,
    views: Readonly<Record<string, ViewRecipe>>,
    feeds: Values,
  ): Promise<(output: string) => Float32Array>;
}

/** The sample that `config.seed` draws. */
export function viewedSample(dataset: Dataset, config: TrainingConfig): ViewedSample {
  const { storedSize, imageSize, seed } = config;
  const batch = Math.min(BATCH, dataset.count);
  const order = createRandom(seed, SAMPLE_STREAM).permutation(dataset.count);
  return {
    batch,
    indices: (most) => order.subarray(0, Math.floor(Math.min(most, dataset.count) / batch) * batch),
    async run(graph, indices, views, feeds) {
      const random = createRandom(seed, SAMPLE_STREAM);
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
      return (name) => joined(outputs[name]!);
    },
  };
}

/** Stored images as a graph takes them, uint8 [B, S, S, 3]. */
export const storedImages = ({ storedSize: S }: TrainingConfig, B: number): Tensor =>
  input("images", [B, S, S, 3], "uint8");

/** A view of stored images, normalised: [B, 3, S, S]. */
export const viewOf = ({ imageSize }: TrainingConfig, images: Tensor, name: string): Tensor =>
  view(images, name, imageSize, IMAGENET_NORMALISATION);

/** The encoder `q` or `k` of a run as it is used. It may encode several views: its tensors are inputs once. */
export function runningEncoder(encoder: string): Scope {
  const tensors = new Map<string, Tensor>();
  return evaluationScope(({ name, shape }) => {
    const tensor = tensors.get(name) ?? input(`${encoder}.${name}`, shape);
    tensors.set(name, tensor);
    return tensor;
  });
}

/** Embeds one view, `view`, of stored images with the query encoder: output `embedding` [B, D]. */
export function compileEmbedding(
  config: TrainingConfig,
  batch: number,
  options: { readonly threads: number; readonly embedding?: Embedding },
): Promise<CompiledGraph> {
  const x = viewOf(config, storedImages(config, batch), "view");
  const embedding = embeddingEncoder(x, runningEncoder("q"), config, options.embedding);
  return compile({ embedding }, options);
}

function joined(parts: readonly Float32Array[]): Float32Array {
  const all = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
