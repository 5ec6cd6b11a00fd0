// The tensors that a run begins with where they are not all drawn at random: read from a checkpoint, or with the
// encoder of another model.
import { AppError } from "../../core/errors.ts";
import type { TrainingConfig } from "../config/schema.ts";
import type { StoredTensor } from "../data/safetensors.ts";
import { begin, newRunState, type RunState } from "../moco/begin.ts";
import { KEY_ARRAYS, type Keys, type QueuePrecision } from "../moco/queue.ts";
import type { MocoStep } from "../moco/step.ts";
import { hasHead, isHead, isPredictor } from "../network/heads.ts";
import type { TensorSpec } from "../network/scope.ts";

/**
 * A run resumed from the tensors of a checkpoint.
 *
 * @throws AppError `invalid_checkpoint` where they are of another architecture.
 */
export function resumedRunState(
  step: MocoStep,
  config: TrainingConfig,
  rows: number,
  stored: ReadonlyMap<string, StoredTensor>,
): RunState {
  const tensors = new Map<string, Float32Array>();
  for (const [name, { shape }] of step.next) tensors.set(name, take(stored, name, shape));
  return { tensors, keys: take(stored, "queue", [rows, config.dim], config.queuePrecision) };
}

/**
 * A new run whose encoders have the weights of another model; all else is new, and the head where that has none.
 *
 * @param weights Tensors by name without prefix, as `readWeights` gives them.
 * @throws AppError `invalid_checkpoint` where they are of another architecture.
 */
export function warmRunState(
  step: MocoStep,
  config: TrainingConfig,
  rows: number,
  weights: ReadonlyMap<string, StoredTensor>,
): RunState {
  const state = newRunState(step, config, rows);
  for (const { name, shape } of inherited(step.tensors, weights)) {
    begin(state.tensors, name, take(weights, name, shape).slice()); // a step overwrites it
  }
  return state;
}

/**
 * Refuses weights that a network cannot begin with, before anything is compiled for it.
 *
 * @param specs The network's tensors.
 * @param weights Tensors by name without prefix, as `readWeights` gives them.
 * @throws AppError `invalid_checkpoint` where they are of another architecture.
 */
export function checkWeights(specs: readonly TensorSpec[], weights: ReadonlyMap<string, StoredTensor>): void {
  for (const { name, shape } of inherited(specs, weights)) take(weights, name, shape);
}

/** What of a network's tensors a warm start sets: not the predictor, which a model does not keep. */
const inherited = (specs: readonly TensorSpec[], weights: ReadonlyMap<string, StoredTensor>) =>
  specs.filter(({ name }) => !isPredictor(name) && (hasHead(weights) || !isHead(name)));

function take<P extends QueuePrecision = "float32">(
  stored: ReadonlyMap<string, StoredTensor>,
  name: string,
  shape: readonly number[],
  precision = "float32" as P,
): Keys<P> {
  const tensor = stored.get(name);
  if (!tensor || tensor.shape.join() !== shape.join() || !(tensor.data instanceof KEY_ARRAYS[precision])) {
    throw new AppError(
      "invalid_checkpoint",
      `Expected the tensor ${name} of [${shape}] but ${tensor ? `it has [${tensor.shape}]` : "it is not there"}: the weights are of another architecture. Use the architecture they were trained with, or start anew.`,
    );
  }
  return tensor.data as Keys<P>;
}
