// How long the step of a configuration takes, beside that of others: they are run in turn and the best of each counts,
// since other programs use the machine too.
import type { TrainingConfig } from "../config/schema.ts";
import { compileStateful } from "../graph/engine/stateful.ts";
import { chosenForms, fastestForms } from "../graph/engine/tune.ts";
import { type CompileOptions, sizeOf, type Tensor, topologicalOrder, type Values } from "../graph/index.ts";
import { newRunState } from "../moco/begin.ts";
import { trainingStep } from "../moco/mechanism.ts";

/** A compiled step with feeds of no meaning. The caller releases it. */
export interface TimedStep {
  /** Runs it once and returns the seconds that it took. */
  run(): Promise<number>;
  release(): Promise<void>;
}

/**
 * Compiles the step of a configuration whose negatives come from a queue.
 *
 * @param engine With `tuningFile`, the fastest forms of convolutions are found first; without, fixed ones are taken.
 */
export async function timedStep(
  config: TrainingConfig,
  { tuningFile: file, ...engine }: CompileOptions & { readonly tuningFile?: string | undefined },
): Promise<TimedStep> {
  const forms = await fastestForms((chooser) => trainingStep(config, chooser), { ...engine, file });
  const step = trainingStep(config, chosenForms(forms));
  const { loss, keys } = step.outputs;
  const state = newRunState(step, config, config.queue);
  const graph = await compileStateful({ loss, keys }, step, state.tensors, engine);
  const feeds = feedsOf([loss, keys, ...step.next.values()], new Set(step.next.keys()), config, state.keys);
  return {
    async run() {
      const began = performance.now();
      await graph.step(feeds);
      return (performance.now() - began) / 1000;
    },
    release: () => graph.release(),
  };
}

/** Seconds of the best run of each step, of `rounds` in turn after one that does not count. */
export async function bestSeconds(steps: readonly TimedStep[], rounds: number): Promise<number[]> {
  const best = steps.map(() => Number.POSITIVE_INFINITY);
  for (let round = 0; round <= rounds; round++) {
    for (const [i, step] of steps.entries()) {
      const seconds = await step.run();
      if (round > 0) best[i] = Math.min(best[i]!, seconds);
    }
  }
  return best;
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
