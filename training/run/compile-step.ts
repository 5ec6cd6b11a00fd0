// Compiles the step of a run: its graph with the fastest forms of convolutions, its state, and its negative keys.
import type { TrainingConfig } from "../config/schema.ts";
import type { StoredTensor } from "../data/safetensors.ts";
import type { StatefulGraph } from "../graph/engine/compile.ts";
import { compileStateful } from "../graph/engine/stateful.ts";
import { type Choices, chosenForms, fastestForms } from "../graph/engine/tune.ts";
import type { CompileOptions } from "../graph/index.ts";
import { newRunState } from "../moco/begin.ts";
import { createDictionary, type Dictionary, dictionaryRows } from "../moco/dictionary.ts";
import { trainingStep } from "../moco/mechanism.ts";
import type { Checkpoint } from "./checkpoint.ts";
import { resumedRunState, warmRunState } from "./state.ts";
import type { WarmStart } from "./warm-start.ts";

/** Options of {@link compileStep}. */
export interface CompileStepOptions extends CompileOptions {
  /** Number of images of the collection. */
  readonly images: number;
  /** The checkpoint to resume. */
  readonly resumed?: Checkpoint | undefined;
  /** The model to begin from. */
  readonly init?: WarmStart | undefined;
  /** The teacher's embeddings of the collection, [N, D], with the mechanism distillation. */
  readonly teacher?: Float32Array | undefined;
  readonly tuningFile?: string | undefined;
  readonly recompute?: boolean | undefined;
  readonly onTuning: (shapes: number) => void;
}

/** The step of a run, ready to be repeated. */
export interface CompiledStep {
  /** Outputs of a step: `loss` [], `accuracy` [], `keys` [B, D]. */
  readonly graph: StatefulGraph;
  readonly dictionary: Dictionary;
  /** The forms of convolutions that it uses. */
  readonly forms: Choices;
  /** State and dictionary as they are now, for a checkpoint; the arrays are not copied. */
  tensors(): Promise<Map<string, StoredTensor>>;
}

/** Builds and compiles the step of a run. The caller releases its graph. */
export async function compileStep(config: TrainingConfig, options: CompileStepOptions): Promise<CompiledStep> {
  const {
    images,
    resumed,
    init,
    teacher,
    tuningFile: file,
    recompute = false,
    onTuning: onTiming,
    ...engine
  } = options;
  // A resumed run keeps its forms: others would round differently.
  const forms = resumed
    ? resumed.forms
    : await fastestForms((chooser) => trainingStep(config, chooser), { ...engine, file, onTiming });
  const step = trainingStep(config, chosenForms(forms), { recompute });
  const rows = dictionaryRows(config, images);
  const state = resumed
    ? resumedRunState(step, config, rows, resumed.tensors)
    : init
      ? warmRunState(step, config, rows, init.weights)
      : newRunState(step, config, rows);
  const { loss, accuracy, keys } = step.outputs;
  const graph = await compileStateful({ loss, accuracy, keys }, step, state.tensors, engine);
  const dictionary = createDictionary(config, state.keys, { pointer: resumed?.progress.queuePointer, teacher });
  return {
    graph,
    dictionary,
    forms,
    async tensors() {
      const state = await graph.state();
      return new Map<string, StoredTensor>([
        ...[...step.next].map(([name, { shape }]) => [name, { shape, data: state.get(name)! }] as const),
        ["queue", { shape: [rows, config.dim], data: dictionary.keys }],
      ]);
    },
  };
}
