// Dense transfer: encoders are fine-tuned to label every pixel, each under the same schedule and with several seeds.
import { AppError } from "../../core/errors.ts";
import { openResults } from "../data/results.ts";
import type { Architecture } from "../network/backbone.ts";
import { fineTune, type Schedule } from "./fine-tune.ts";
import { type Measured, measure, sizeFor } from "./measure.ts";
import { readScenes, type Scenes, type ScenesOptions } from "./scenes.ts";
import { costOf, equalCost, type SegmentationHead } from "./segmenter.ts";
import { type NamedStart, readStarts } from "./starts.ts";

/** The schedule of every run; chosen on a part of the training images (`holdOut`), never on those of `val`. */
export const TRANSFER_SCHEDULE: Schedule = { batch: 8, crop: 96, steps: 600, learningRate: 0.03 };

/** Options of {@link transfer}. */
export interface TransferOptions extends Partial<Schedule>, ScenesOptions {
  /** `<folder>/{train,val}/{images,masks}` */
  readonly folder: string;
  /** Models by name, files of weights (`x.safetensors`), and `random`: fresh weights of the first one's network. */
  readonly encoders: readonly string[];
  readonly modelsFolder: string;
  /** @default only "dense" */
  readonly heads?: readonly SegmentationHead[];
  /** Runs of each encoder, with the seeds 1, 2, … @default 5 */
  readonly seeds?: number;
  /** Measure on the last fifth of the training images, by name, and train on the others: to choose settings. */
  readonly holdOut?: boolean;
  /** One file for each run. A run that has one is not done again. @default none */
  readonly resultsFolder?: string;
  /** @default every core */
  readonly threads?: number;
  /** Caches which forms of convolutions are fastest here. @default none */
  readonly tuningFile?: string;
  /** Ends after the step under way; what is measured so far is returned. */
  readonly signal?: AbortSignal;
  readonly onStep?: (run: TransferRun, done: number, total: number, loss: number) => void;
}

/** One run of {@link transfer}. */
export interface TransferRun {
  readonly encoder: string;
  readonly head: SegmentationHead;
  readonly seed: number;
}

/** What one run came to. */
export interface TransferOutcome extends TransferRun, Measured {
  readonly settings: TransferSettings;
  /** Mean training loss of the last tenth of the steps. */
  readonly loss: number;
  readonly seconds: number;
  /** Multiplications for one whole image. */
  readonly multiplications: { readonly encoder: number; readonly head: number };
}

/** What a run was made with. */
export interface TransferSettings extends Schedule {
  readonly architecture: Architecture;
  /** SHA-256 of the weights that it began with; null where they were random. */
  readonly weights: string | null;
  readonly classes: number;
  /** Images that were trained on, and that were measured on. */
  readonly images: { readonly train: number; readonly measured: number };
  readonly holdOut: boolean;
}

/**
 * Fine-tunes every encoder with every head and seed, and measures the mean IoU on the images of `val`.
 *
 * @throws AppError `invalid_dataset`, `invalid_configuration`, `model_not_found`, `invalid_checkpoint` or
 *   `invalid_model`.
 */
export async function transfer(options: TransferOptions): Promise<TransferOutcome[]> {
  const { heads = ["dense"], seeds = 5, resultsFolder, holdOut = false, signal } = options;
  const starts = await readStarts(options.encoders, options.modelsFolder);
  const { train, measured, classes } = await readBoth(options);
  const settingsOf = ({ config, sha256 }: NamedStart): TransferSettings => ({
    ...scheduleOf(options),
    ...{ architecture: config.architecture, weights: sha256 ?? null },
    ...{ classes, holdOut, images: { train: train.length, measured: measured.length } },
  });
  const results = resultsFolder ? await openResults(resultsFolder) : undefined;
  const outcomes: TransferOutcome[] = [];
  for (let seed = 1; seed <= seeds; seed++) {
    for (const start of starts) {
      for (const head of heads) {
        const settings = settingsOf(start);
        const run = { encoder: start.name, head, seed };
        const name = `${start.name}-${head}-${seed}`;
        const known = await results?.read<TransferOutcome>(name);
        if (known) checkSame(known, settings, name);
        const outcome = known ?? (await runOnce(run, start, settings, { train, measured, options }));
        if (!outcome || signal?.aborted) return outcomes;
        if (!known) await results?.write(name, outcome);
        outcomes.push(outcome);
      }
    }
  }
  return outcomes;
}

/** One run; undefined where it was stopped. */
async function runOnce(
  run: TransferRun,
  start: NamedStart,
  settings: TransferSettings,
  { train, measured, options }: Pick<Parts, "train" | "measured"> & { options: TransferOptions },
): Promise<TransferOutcome | undefined> {
  const { threads, tuningFile, signal, onStep } = options;
  const size = sizeFor(measured, start.config);
  const segmenter = equalCost(start.config.architecture, settings.classes, run.head, size);
  const tuned = await fineTune(train, start, {
    ...settings,
    ...{ segmenter, seed: run.seed },
    ...(threads && { threads }),
    ...(tuningFile && { tuningFile }),
    ...(signal && { signal }),
    onStep: (done, loss) => onStep?.(run, done, settings.steps, loss),
  });
  if (!tuned) return undefined;
  const found = await measure(measured, tuned, { segmenter, config: start.config, ...(threads && { threads }) });
  const { loss, seconds } = tuned;
  return { ...run, ...found, loss, seconds, multiplications: costOf(segmenter, size), settings };
}

interface Parts {
  readonly train: Scenes["scenes"];
  readonly measured: Scenes["scenes"];
  readonly classes: number;
}

async function readBoth({ folder, holdOut, ignore, classes: stated }: TransferOptions): Promise<Parts> {
  const reading = { ...(ignore && { ignore }), ...(stated && { classes: stated }) };
  const { scenes, classes } = await readScenes(folder, "train", reading);
  if (!holdOut) {
    const val = await readScenes(folder, "val", { ...reading, classes });
    return { train: scenes, measured: val.scenes, classes };
  }
  const kept = Math.floor(0.8 * scenes.length);
  return { train: scenes.slice(0, kept), measured: scenes.slice(kept), classes };
}

function scheduleOf(options: Partial<Schedule>): Schedule {
  const { batch, crop, steps, learningRate } = { ...TRANSFER_SCHEDULE, ...options };
  return { batch, crop, steps, learningRate };
}

/** Refuses the outcome of an earlier run, in the file of this name, under other settings. */
function checkSame(outcome: TransferOutcome, settings: TransferSettings, name: string): void {
  if (JSON.stringify(outcome.settings) === JSON.stringify(settings)) return;
  throw new AppError(
    "invalid_configuration",
    `Expected ${name}.json to be of a run with the settings ${JSON.stringify(settings)} but it has ${JSON.stringify(outcome.settings)}. Choose another folder for the results.`,
  );
}
