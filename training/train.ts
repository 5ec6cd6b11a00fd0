// Trains an encoder with Momentum Contrast: from a folder of images to a model in models/, top to bottom.
//
//   moco-search train photos/ --name photos --minutes 1        (one minute on the CPU)
//
// From a program:
//
//   await train({ images: ["photos/"], name: "photos", modelsFolder: "models", runFolder: "runs/photos" })
import { mkdir } from "node:fs/promises";
import { cpus } from "node:os";
import { join } from "node:path";
import { AppError } from "../core/errors.ts";
import { asWriteFailure, replaceFile } from "../core/files.ts";
import { lockFolder } from "../core/folder-lock.ts";
import type { Model } from "../core/model.ts";
import { type Budget, DEFAULT_BUDGETS } from "./config/recipes.ts";
import { type ExportOptions, publish } from "./export/publish.ts";
import { providersOf } from "./graph/engine/device.ts";
import { encoderTensors } from "./network/encoder.ts";
import { keyMomentumAt, learningRateAt } from "./optimize/schedule.ts";
import { createBatches } from "./run/batches.ts";
import { CHECKPOINT_FILE, keepUnfinished, loadCheckpoint, saveCheckpoint } from "./run/checkpoint.ts";
import { checkSameCollection, collectionOf } from "./run/collection.ts";
import { compileStep } from "./run/compile-step.ts";
import type { TrainEvent } from "./run/events.ts";
import type { StepMetrics } from "./run/log.ts";
import { findNeighbours } from "./run/neighbours.ts";
import { createPace } from "./run/pace.ts";
import { type PrepareOptions, prepare } from "./run/prepare.ts";
import { checkWeights } from "./run/state.ts";
import { teacherEmbeddings } from "./run/teacher.ts";
import { watchRun } from "./run/watch.ts";

// --- Options and outcome ---------------------------------------------------------------------------------------------

/** Options of {@link train}. */
export interface TrainOptions extends PrepareOptions, ExportOptions {
  /** Name of the model to write. */
  readonly name: string;
  readonly modelsFolder: string;
  /** Folder for the configuration, metrics, checkpoint and report. */
  readonly runFolder: string;
  /** @default what the recipe says: 30 minutes for `auto`, 200 epochs for the papers' */
  readonly budget?: Budget;
  /** Go on from the checkpoint in `runFolder`. @default false */
  readonly resume?: boolean;
  /** Minutes between two checkpoints. @default 5 */
  readonly checkpointMinutes?: number;
  /** Least time between two measurements of the encoder, seconds; they are taken at the ends of epochs. @default 10 */
  readonly secondsBetweenMeasures?: number;
  /** Replace a model of the same name. @default false */
  readonly replace?: boolean;
  /** Threads of the engine. @default every core */
  readonly threads?: number;
  /** Caches which forms of convolutions are fastest here. @default none: the forms that are fastest on most machines */
  readonly tuningFile?: string;
  /**
   * Compute cheap activations again for the backward pass instead of keeping them: less memory, the same values.
   *
   * @default false
   */
  readonly recompute?: boolean;
  /** Stops the run after the current step: a checkpoint is written, no model. */
  readonly signal?: AbortSignal;
  readonly onEvent?: (event: TrainEvent) => void;
}

/**
 * The outcome of a run. Where its signal stopped it there is no model, and before the first step there are no metrics.
 */
export type TrainResult = { readonly checkpoint: string } & (
  | { readonly model: Model; readonly metrics: StepMetrics }
  | { readonly model: undefined; readonly metrics: StepMetrics | undefined }
);

// --- The run ---------------------------------------------------------------------------------------------------------

/**
 * Trains an encoder and writes `models/<name>/`.
 *
 * @throws AppError `invalid_dataset`, `invalid_configuration` (also where another training runs in `runFolder`),
 *   `invalid_checkpoint`, `model_exists`, `storage_full`, or `invalid_model` where the loss is no longer a number or
 *   the export does not agree with the trained encoder.
 */
export async function train(options: TrainOptions): Promise<TrainResult> {
  const opened: Closeable[] = [];
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

interface Closeable {
  close(): Promise<void>;
}

/** The run itself; it adds to `opened` what has to be closed afterwards. */
async function run(options: TrainOptions, opened: Closeable[]): Promise<TrainResult> {
  const { runFolder, signal, onEvent = () => {}, threads = cpus().length, recipe = "auto", device = "cpu" } = options;
  const budget = options.budget ?? DEFAULT_BUDGETS[recipe];
  const checkpointPath = join(runFolder, CHECKPOINT_FILE);

  await mkdir(runFolder, { recursive: true });
  const lock = lockFolder(runFolder);
  if ("heldBy" in lock) throw folderInUse(runFolder, lock.heldBy);
  opened.push({ close: async () => lock.free() });

  // The images and the configuration
  const resumed = options.resume ? await loadCheckpoint(checkpointPath) : undefined;
  const { config, reasons, dataset } = await prepare(options, resumed?.config, (done, total) =>
    onEvent({ kind: "reading", done, total }),
  );
  opened.push(dataset);
  const images = collectionOf(options.images, dataset);
  if (resumed) checkSameCollection(resumed.images, images);
  if (config.teacher && config.teacher.sha256 !== options.teacher?.card.sha256) throw otherTeacher(config.teacher.name);
  if (options.init && !resumed) checkWeights(encoderTensors(config), options.init.weights);
  const parent = resumed ? resumed.parent : options.init?.parent;
  const kept = resumed ? undefined : await keepUnfinished(checkpointPath);
  if (kept) onEvent({ kind: "kept", ...kept });
  await replaceFile(join(runFolder, "config.json"), `${JSON.stringify(config, null, 2)}\n`);
  onEvent({ kind: "starting", config, reasons, dataset });

  const teacher =
    options.teacher && config.teacher
      ? await teacherEmbeddings(options.teacher, {
          ...{ runFolder, collection: images, dataset, threads },
          onProgress: (done, total) => onEvent({ kind: "embedding", done, total }),
        })
      : undefined;

  const neighbours =
    config.neighbours > 0
      ? await findNeighbours(config.neighbours, options.init?.model, {
          ...{ runFolder, collection: images, dataset, threads },
          onProgress: (done, total) => onEvent({ kind: "embedding", done, total }),
        })
      : undefined;

  // The step, its batches, and what watches over them
  const { graph, dictionary, forms, tensors } = await compileStep(config, {
    ...{ resumed, init: options.init, teacher, tuningFile: options.tuningFile, recompute: options.recompute },
    ...{ images: dataset.count, providers: providersOf(device), threads },
    onTuning: (shapes) => onEvent({ kind: "tuning", shapes }),
  });
  opened.push({ close: () => graph.release() });
  const batches = createBatches(dataset, config, resumed?.progress.step ?? 0, neighbours);
  const { stepsPerEpoch } = batches;
  const watch = await watchRun({
    ...{ runFolder, name: options.name, config, reasons, dataset, stepsPerEpoch, threads },
    from: resumed?.progress.step ?? 0,
    secondsBetween: options.secondsBetweenMeasures ?? 10,
    onEpoch: (epoch) => onEvent({ kind: "epoch", epoch }),
  });
  opened.push(watch);
  const pace = createPace(budget, { stepsPerEpoch, batch: config.batch, resumed: resumed?.progress });
  let savedAt = pace.seconds;
  let isSaved = resumed !== undefined;
  const save = async () => {
    const { step, totalSteps = null, seconds } = pace;
    const progress = { step, totalSteps, seconds, queuePointer: dictionary.pointer };
    await saveCheckpoint(checkpointPath, { config, progress, images, parent, forms, tensors: await tensors() });
    savedAt = pace.seconds;
    isSaved = true;
    onEvent({ kind: "checkpoint", path: checkpointPath });
  };

  // The loop: Algorithm 1 of the paper
  while (!pace.isOver && !signal?.aborted) {
    const { indices, feeds } = await pace.waitFor(batches.next()); // for x in loader: x_q, x_k
    const learningRate = learningRateAt(pace.progress, config.learningRate, config.schedule);
    const m = keyMomentumAt(pace.progress, config.keyMomentum, config.keyMomentumSchedule);
    const out = await graph.step({
      ...feeds,
      ...dictionary.feeds(indices, pace.step), // queue: [K, D]
      learningRate: Float32Array.of(learningRate),
      keyMomentum: Float32Array.of(m),
      step: Float32Array.of(pace.step + 1),
    });
    dictionary.update(indices, out.keys!); // enqueue, dequeue: [B, D]
    const metrics = { ...pace.stepDone(), loss: out.loss![0]!, accuracy: out.accuracy![0]!, learningRate };
    if (!Number.isFinite(metrics.loss)) throw diverged(metrics.step, isSaved ? checkpointPath : undefined);
    onEvent({ kind: "step", metrics });
    await watch.step(metrics, graph.state, dictionary.negatives);
    if (pace.seconds - savedAt > (options.checkpointMinutes ?? 5) * 60) await save();
    await new Promise(setImmediate); // lets signals and timers in between two steps
  }
  await save();

  // The model
  const metrics = watch.last;
  if (signal?.aborted) return { model: undefined, metrics, checkpoint: checkpointPath };
  if (!metrics)
    throw new AppError("invalid_configuration", "Expected at least one step to train. Ask for more epochs or minutes.");
  const trained = { config, dataset, state: await graph.state(), metrics, epochs: watch.epochs, parent };
  onEvent({ kind: "exporting" });
  const model = await publish({ ...options, ...trained, threads });
  return { model, metrics, checkpoint: checkpointPath };
}

const folderInUse = (folder: string, pid: number) =>
  new AppError(
    "invalid_configuration",
    `Another training, process ${pid}, is running in ${folder}. Wait until it has ended or stop it (kill -INT ${pid} keeps a checkpoint), or choose another folder with --run.`,
  );

const otherTeacher = (name: string) =>
  new AppError(
    "invalid_configuration",
    `Expected the teacher ${JSON.stringify(name)} that the run began with: --teacher ${name}.`,
  );

function diverged(step: number, checkpoint: string | undefined): AppError {
  const kept = checkpoint ? ` The last checkpoint, ${checkpoint}, is from before that.` : "";
  return new AppError(
    "invalid_model",
    `The loss is no longer a number after step ${step}: the learning rate is too large for these images. Try a third of it.${kept}`,
  );
}
