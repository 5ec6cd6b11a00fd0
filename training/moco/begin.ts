// What a step begins with: θ_q at random, θ_k its copy, and a queue of noise.
import { randomStream } from "../data/streams.ts";
import { sizeOf } from "../graph/index.ts";
import { initialValues } from "../network/initialise.ts";
import { type Keys, noiseKeys, type QueuePrecision } from "./queue.ts";
import type { MocoStep } from "./step.ts";

/** The step's state by name, and the keys of the dictionary, [rows, D]. */
export interface RunState {
  readonly tensors: Map<string, Float32Array>;
  readonly keys: Keys;
}

/** A new run: f_q is random, f_k its copy, the optimiser's state zero, and the dictionary `rows` keys of noise. */
export function newRunState(
  step: MocoStep,
  { seed, dim, queuePrecision }: { seed: number; dim: number; queuePrecision?: QueuePrecision },
  rows: number,
): RunState {
  const random = randomStream(seed, "initialValues");
  const tensors = new Map<string, Float32Array>();
  for (const [name, tensor] of step.next) tensors.set(name, new Float32Array(sizeOf(tensor.shape)));
  for (const spec of step.tensors) begin(tensors, spec.name, initialValues(spec, random));
  return { tensors, keys: noiseKeys(rows, dim, random, queuePrecision) };
}

/** Sets a tensor of the query encoder, and of the key encoder if there is one. */
export function begin(tensors: Map<string, Float32Array>, name: string, values: Float32Array): void {
  tensors.set(`q.${name}`, values);
  if (tensors.has(`k.${name}`)) tensors.set(`k.${name}`, values.slice());
}
