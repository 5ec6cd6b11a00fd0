// Typical similarities of an embedding, for calibrating thresholds.
import type { ScoreStatistics } from "../../core/model-card.ts";
import { dot, mean } from "../../core/vector.ts";
import type { TrainingConfig } from "../config/schema.ts";
import type { CompiledGraph, Values } from "../graph/index.ts";
import type { ViewSpec } from "../views/recipe.ts";
import { embeddedView, type ViewedSample } from "./viewed-sample.ts";

/** Most images that are compared. */
const PAIRS = 512;

/**
 * Similarities of an image with a view of it, and of two images.
 *
 * @param graph As `compileEmbedding` gives it.
 */
export async function scoreStatistics(
  sample: ViewedSample,
  graph: CompiledGraph,
  config: TrainingConfig,
  state: Values,
): Promise<ScoreStatistics> {
  const indices = sample.indices(PAIRS);
  const embed = async (recipe: ViewSpec["recipe"]) =>
    (await sample.run(graph, indices, embeddedView(config, recipe), state))("embedding");
  const whole = await embed("whole");
  const other = await embed(config.views);
  const d = whole.length / indices.length;
  const row = (of: Float32Array, n: number) => of.subarray(n * d, (n + 1) * d);
  const positive = Array.from(indices, (_, n) => dot(row(whole, n), row(other, n)));
  const next = (n: number) => (n + 1) % indices.length; // the sample is in random order
  const random = Array.from(indices, (_, n) => dot(row(whole, n), row(whole, next(n))));
  return { positive: statistics(positive), random: statistics(random) };
}

function statistics(values: readonly number[]): { mean: number; std: number } {
  const middle = mean(values);
  return { mean: middle, std: Math.sqrt(mean(values.map((v) => (v - middle) ** 2))) };
}
