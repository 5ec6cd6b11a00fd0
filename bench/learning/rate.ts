// How fast variants train on a core that other programs use too: their steps are timed in turn, and the best of each
// counts.
import { recipeOf } from "../../training/config/recipes.ts";
import type { TrainingConfig } from "../../training/config/schema.ts";
import { type Settings, settle } from "../../training/config/settle.ts";
import { compileStateful } from "../../training/graph/engine/stateful.ts";
import { chosenForms, fastestForms, tuningFile } from "../../training/graph/engine/tune.ts";
import { sizeOf, type Tensor, topologicalOrder, type Values } from "../../training/graph/index.ts";
import { newRunState } from "../../training/moco/begin.ts";
import { trainingStep } from "../../training/moco/mechanism.ts";
import { FIRST } from "./variants.ts";

/** Steps of each variant, after one that is not timed. */
const ROUNDS = 12;

/** The configuration of a variant. */
export function variantConfig(settings: Settings, seed: number): TrainingConfig {
  const circumstances = { images: 40_000, side: 32, device: "cpu", memory: 2 ** 33 };
  return settle(recipeOf("moco-cifar", circumstances), { ...FIRST, ...settings, seed }).config;
}

/** Images a second of each configuration on one thread, the best step of each. */
export async function bestRates(configs: readonly TrainingConfig[]): Promise<number[]> {
  const timed = await Promise.all(configs.map(timedStep));
  const best = configs.map(() => Number.POSITIVE_INFINITY);
  for (let round = 0; round <= ROUNDS; round++) {
    for (const [i, run] of timed.entries()) {
      const seconds = await run();
      if (round > 0) best[i] = Math.min(best[i]!, seconds);
    }
  }
  return configs.map(({ batch }, i) => batch / best[i]!);
}

/** A compiled step on feeds of no meaning; running it returns its seconds. */
async function timedStep(config: TrainingConfig): Promise<() => Promise<number>> {
  const engine = { threads: 1 };
  const forms = await fastestForms((chooser) => trainingStep(config, chooser), { ...engine, file: tuningFile() });
  const step = trainingStep(config, chosenForms(forms));
  const { loss, keys } = step.outputs;
  const state = newRunState(step, config, config.queue);
  const graph = await compileStateful({ loss, keys }, step.next, state.tensors, engine);
  const feeds = feedsOf([loss, keys, ...step.next.values()], new Set(step.next.keys()), config, state.keys);
  return async () => {
    const began = performance.now();
    await graph.step(feeds);
    return (performance.now() - began) / 1000;
  };
}

/** Something for every input that is not state. */
function feedsOf(
  outputs: readonly Tensor[],
  state: ReadonlySet<string>,
  { batch }: TrainingConfig,
  queue: Float32Array | Uint16Array,
): Values {
  const feeds: Record<string, Values[string]> = {};
  for (const node of topologicalOrder(outputs)) {
    const [tensor] = node.outputs;
    const { op, name } = node;
    if (op !== "Input" || state.has(name!)) continue;
    const size = sizeOf(tensor!.shape);
    if (name === "queue") feeds[name] = queue;
    else if (tensor!.dtype === "int64") feeds[name!] = BigInt64Array.from({ length: batch }, (_, i) => BigInt(i));
    else if (tensor!.dtype === "uint8") feeds[name!] = Uint8Array.from({ length: size }, (_, i) => (i * 97) % 256);
    else feeds[name!] = Float32Array.from({ length: size }, (_, i) => 0.01 * Math.sin(i));
  }
  return feeds;
}
