// Training from a folder of images to a model in models/, top to bottom.
//
//   moco-search train photos/ --name photos --minutes 1        (one minute on the CPU)
import { mkdir } from "node:fs/promises";
import { cpus } from "node:os";
import { join } from "node:path";
import { AppError } from "../core/errors.ts";
import { asWriteFailure, replaceFile } from "../core/files.ts";
import type { Model } from "../core/model-folder.ts";
import { type Budget, DEFAULT_BUDGETS } from "./config/recipes.ts";
import type { StoredTensor } from "./data/safetensors.ts";
import { type ExportOptions, publish } from "./export/publish.ts";
import { providersOf } from "./graph/engine/device.ts";
import { compileStateful } from "./graph/engine/stateful.ts";
import { chosenForms, fastestForms } from "./graph/engine/tune.ts";
import { createDictionary, dictionaryRows } from "./moco/dictionary.ts";
import { trainingStep } from "./moco/mechanism.ts";
import { learningRateAt } from "./optimize/schedule.ts";
import { createBatches } from "./run/batches.ts";
import { CHECKPOINT_FILE, loadCheckpoint, saveCheckpoint } from "./run/checkpoint.ts";
import { checkSameCollection, collectionOf } from "./run/collection.ts";
import type { StepMetrics, TrainEvent } from "./run/events.ts";
import { type PrepareOptions, prepare } from "./run/prepare.ts";
import { newRunState, resumedRunState, warmRunState } from "./run/state.ts";
import { watchRun } from "./run/watch.ts";

/** Options of {@link train}. */
export interface TrainOptions extends PrepareOptions, ExportOptions {
  /** Name of the model to write. */
  readonly name: string;
  readonly modelsFolder: string;
  /** Where config, metrics, checkpoints and the report go. */
  readonly runFolder: string;
  /** @default what the recipe says: 30 minutes for `auto`, 200 epochs for the papers' */
  readonly budget?: Budget;
  /** Go on from the checkpoint in `runFolder`. */
  readonly resume?: boolean;
  /** Minutes between two checkpoints. @default 5 */
  readonly checkpointMinutes?: number;
  /** Fewest seconds between two measures of the encoder, taken where an epoch ends and at the end. @default 10 */
  readonly secondsBetweenMeasures?: number;
  /** Replace a model of the same name. @default false */
  readonly replace?: boolean;
  /** Threads of the engine. @default every core */
  readonly threads?: number;
  /** Where the fastest forms of convolutions on this machine are kept. @default none: those that are best on most machines */
  readonly tuningFile?: string;
  /** Compute cheap activations again for the backward pass instead of keeping them: less memory, the same values. @default false */
  readonly recompute?: boolean;
  /** Ends the run after the step under way: a checkpoint is written, no model. */
  readonly signal?: AbortSignal;
  readonly onEvent?: (event: TrainEvent) => void;
}

/** The outcome of a run: there is no model where its signal ended it, and no metrics where that was before a step. */
export type TrainResult = { readonly checkpoint: string } & (
  | { readonly model: Model; readonly metrics: StepMetrics }
  | { readonly model: undefined; readonly metrics: StepMetrics | undefined }
);

/** A run given in minutes fits its number of steps to the time that is left, from this step on; the first are slower. */
const TIMED = { slowSteps: 3, leastSteps: 8 };

/**
 * Trains an encoder and writes `models/<name>/`.
 *
 * @throws AppError `invalid_dataset`, `invalid_configuration`, `invalid_checkpoint`, `model_exists`, `storage_full`, or `invalid_model`
 *   where the loss is no longer a number or the export does not agree with the trained encoder.
 */
export async function train(options: TrainOptions): Promise<TrainResult> {
  const opened: Array<{ close(): Promise<void> }> = [];
  try {
    return await run(options, opened);
  } catch (error) {
    const { runFolder, modelsFolder } = options;
    const what = `the run in ${runFolder} and its model in ${modelsFolder}`;
    throw asWriteFailure(error, what, "Choose folders that can be written to (--run, --models).");
  } finally {
    for (const resource of opened.reverse()) await resource.close();
  }
}

/** The run itself; what is to be closed after it is put into `opened`. */
async function run(options: TrainOptions, opened: Array<{ close(): Promise<void> }>): Promise<TrainResult> {
  const { runFolder, signal, onEvent = () => {}, threads = cpus().length, recipe = "auto", device = "cpu" } = options;
  const budget = options.budget ?? DEFAULT_BUDGETS[recipe];
  const checkpointPath = join(runFolder, CHECKPOINT_FILE);
  const resumed = options.resume ? await loadCheckpoint(checkpointPath) : undefined;
  const { config, reasons, dataset } = await prepare(options, resumed?.config, (done, total) =>
    onEvent({ kind: "reading", done, total }),
  );
  opened.push(dataset);
  const images = collectionOf(options.images, dataset);
  if (resumed) checkSameCollection(resumed.images, images);
  const begunFrom = resumed ? resumed.begunFrom : options.init?.begunFrom;
  await mkdir(runFolder, { recursive: true });
  await replaceFile(join(runFolder, "config.json"), `${JSON.stringify(config, null, 2)}\n`);
  onEvent({ kind: "starting", config, reasons, dataset });

  const engine = { providers: providersOf(device), threads };
  // A run that is resumed keeps its forms: others round differently.
  const forms = resumed
    ? resumed.forms
    : await fastestForms((chooser) => trainingStep(config, chooser), {
        ...engine,
        file: options.tuningFile,
        onTiming: (shapes) => onEvent({ kind: "tuning", shapes }),
      });
  const step = trainingStep(config, chosenForms(forms), options);
  const rows = dictionaryRows(config, dataset.count);
  const state = resumed
    ? resumedRunState(step, config, rows, resumed.tensors)
    : options.init
      ? warmRunState(step, config, rows, options.init.weights)
      : newRunState(step, config, rows);
  const first = resumed?.progress.step ?? 0;
  const batches = createBatches(dataset, config, first);
  const { loss, accuracy, keys } = step.outputs;
  const graph = await compileStateful({ loss, accuracy, keys }, step.next, state.tensors, engine);
  opened.push({ close: () => graph.release() });
  const dictionary = createDictionary(config, state.keys, resumed?.progress.queuePointer);
  const watch = await watchRun({
    ...{ runFolder, name: options.name, config, reasons, dataset, from: first, threads },
    perEpoch: batches.perEpoch,
    secondsBetween: options.secondsBetweenMeasures ?? 10,
    onEpoch: (epoch) => onEvent({ kind: "epoch", epoch }),
  });
  opened.push(watch);

  let totalSteps =
    resumed?.progress.totalSteps ?? ("epochs" in budget ? Math.ceil(budget.epochs * batches.perEpoch) : undefined);
  const budgetSeconds = "minutes" in budget ? budget.minutes * 60 : Number.POSITIVE_INFINITY;
  // A run that is resumed keeps the length that it had: the same schedule, the same bytes.
  const fitted = !totalSteps;
  const secondsBefore = resumed?.progress.seconds ?? 0;
  const began = performance.now();
  const clock = () => (performance.now() - began) / 1000;
  let timedFrom = 0;
  let savedAt = 0;
  let waited = 0;

  const save = async (done: number) => {
    const tensors = new Map<string, StoredTensor>();
    for (const [name, { shape }] of step.next) tensors.set(name, { shape, data: graph.state.get(name)! });
    tensors.set("queue", { shape: [rows, config.dim], data: dictionary.keys });
    const seconds = secondsBefore + clock();
    const progress = { step: done, totalSteps: totalSteps ?? null, queuePointer: dictionary.pointer, seconds };
    await saveCheckpoint(checkpointPath, { config, progress, images, begunFrom, forms, tensors });
    savedAt = clock();
    onEvent({ kind: "checkpoint", path: checkpointPath });
  };

  let t = first;
  while (t < (totalSteps ?? Number.POSITIVE_INFINITY) && !signal?.aborted) {
    const asked = clock();
    const { indices, feeds } = await batches.next();
    waited += clock() - asked;
    const progress = totalSteps ? t / totalSteps : (secondsBefore + clock()) / budgetSeconds;
    const learningRate = learningRateAt(progress, config.learningRate, config.schedule);
    const out = await graph.step({
      ...feeds,
      ...dictionary.feeds(indices, t),
      learningRate: Float32Array.of(learningRate),
      step: Float32Array.of(t + 1),
    });
    dictionary.update(indices, out.keys!);
    t++;
    if (!Number.isFinite(out.loss![0]!)) throw diverged(t, checkpointPath, savedAt > 0 || resumed !== undefined);

    const timed = t - first;
    if (timed === TIMED.slowSteps) timedFrom = clock();
    if (fitted && timed >= TIMED.leastSteps) {
      const perStep = (clock() - timedFrom) / (timed - TIMED.slowSteps);
      totalSteps = t + Math.max(0, Math.round((budgetSeconds - secondsBefore - clock()) / perStep));
    }
    const metrics: StepMetrics = {
      step: t,
      totalSteps,
      epoch: t / batches.perEpoch,
      loss: out.loss![0]!,
      accuracy: out.accuracy![0]!,
      learningRate,
      imagesPerSecond: (timed * config.batch) / clock(),
      waiting: waited / clock(),
      seconds: secondsBefore + clock(),
    };
    onEvent({ kind: "step", metrics });
    await watch.step(metrics, graph.state, dictionary.negatives);
    if (clock() - savedAt > (options.checkpointMinutes ?? 5) * 60) await save(t);
    await new Promise(setImmediate); // lets signals and timers in between two steps
  }
  await save(t);
  if (signal?.aborted) return { model: undefined, metrics: watch.last, checkpoint: checkpointPath };
  const metrics = watch.last;
  if (!metrics)
    throw new AppError("invalid_configuration", "Expected at least one step to train. Ask for more epochs or minutes.");
  const trained = { config, dataset, state: graph.state, metrics, epochs: watch.epochs, begunFrom };
  onEvent({ kind: "exporting" });
  const model = await publish({ ...options, ...trained, threads });
  return { model, metrics, checkpoint: checkpointPath };
}

function diverged(step: number, checkpoint: string, saved: boolean): AppError {
  const kept = saved ? ` The last checkpoint, ${checkpoint}, is from before that.` : "";
  return new AppError(
    "invalid_model",
    `The loss is no longer a number after step ${step}: the learning rate is too large for these images. Try a third of it.${kept}`,
  );
}
