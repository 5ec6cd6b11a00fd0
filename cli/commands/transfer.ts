// moco-search transfer: how well encoders learn to label every pixel.
//
//   moco-search transfer camvid/ --ignore 11 --encoders default random --seeds 5
import { Command, Option } from "commander";
import { AppError } from "../../core/errors.ts";
import { MODELS_FOLDER } from "../../core/model-folder.ts";
import {
  transfer as runTransfer,
  SEGMENTATION_HEADS,
  type SegmentationHead,
  TRANSFER_SCHEDULE,
  transferTable,
  tuningFile,
} from "../../training/index.ts";
import { positive, positiveInteger } from "../numbers.ts";
import { showProgress } from "../progress.ts";
import { stopOnInterrupt } from "../train/stop.ts";

interface Flags {
  readonly encoders: readonly string[];
  readonly heads: readonly SegmentationHead[];
  readonly seeds: number;
  readonly ignore: readonly string[];
  readonly classes?: number;
  readonly steps: number;
  readonly batch: number;
  readonly crop: number;
  readonly learningRate: number;
  readonly holdOut?: true;
  readonly results?: string;
  readonly models: string;
  readonly threads?: number;
  readonly tune: boolean;
  readonly json?: true;
}

const { steps, batch, crop, learningRate } = TRANSFER_SCHEDULE;

/** `moco-search transfer`. */
export const command = new Command("transfer")
  .description(
    "Fine-tunes encoders to label every pixel, all under one schedule, and compares their mean IoU over several seeds. Images are <folder>/{train,val}/images, and <folder>/{train,val}/masks has a grey PNG of the same name and size for each, whose values are classes.",
  )
  .argument("<folder>", "images with masks")
  .option(
    "--encoders <names...>",
    "models, files of weights (x.safetensors), and `random`: the first one's network with fresh weights",
    ["default", "random"],
  )
  .addOption(
    new Option("--heads <names...>", "`dense`: scores enlarged; `points`: refined as PointRend does, at an equal cost")
      .choices(SEGMENTATION_HEADS)
      .default(["dense"]),
  )
  .option("--seeds <number>", "runs of each encoder", positiveInteger, 5)
  .option("--ignore <values...>", "values of masks that stand for not labelled", ["255"])
  .option("--classes <number>", "number of classes (default: as the training masks have)", positiveInteger)
  .option("--steps <number>", "steps of a run", positiveInteger, steps)
  .option("--batch <number>", "crops in a step", positiveInteger, batch)
  .option("--crop <pixels>", "side of a crop", positiveInteger, crop)
  .option("--learning-rate <number>", "× 0.1 after 70 % and 90 % of the steps", positive, learningRate)
  .option("--hold-out", "measure on the last fifth of the training images instead of val: to choose settings")
  .option("--results <folder>", "keep a file for each run there; runs that have one are not done again")
  .option("--models <folder>", "folder of the models", MODELS_FOLDER)
  .option("--threads <number>", "threads (default: all cores)", positiveInteger)
  .option("--no-tune", "take fixed forms of convolutions; do not time them on this machine")
  .option("--json", "print the outcomes as one line of JSON")
  .addHelpText(
    "after",
    "\nExample:\n  $ moco-search transfer camvid/ --ignore 11 --encoders default random --heads dense points",
  )
  .action(async (folder: string, flags: Flags) => {
    const { ignore, models, results, tune, json, ...rest } = flags;
    const signal = stopOnInterrupt("");
    const display = showProgress("step", "");
    const outcomes = await runTransfer({
      ...rest,
      ...{ folder, modelsFolder: models, signal, ignore: ignore.map(maskValue) },
      ...(results && { resultsFolder: results }),
      ...(tune && { tuningFile: tuningFile() }),
      onStep({ encoder, head, seed }, done, total, loss) {
        display.update(done, total, `${encoder}, ${head}, seed ${seed}, loss ${loss.toFixed(3)}`);
      },
    }).finally(display.stop);
    console.log(json ? JSON.stringify({ outcomes }) : transferTable(outcomes));
    if (signal.aborted) process.exitCode = 130;
  });

function maskValue(text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 0 && value <= 255) return value;
  throw new AppError(
    "invalid_configuration",
    `Expected values of masks, 0 to 255, after --ignore but received ${text}.`,
  );
}
