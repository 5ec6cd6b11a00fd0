// moco-search train: trains a model on folders of images.
//
//   moco-search train photos/ --name photos --minutes 1        (one minute on the CPU)
import { writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { Command } from "commander";
import sharp from "sharp";
import { AppError } from "../../core/errors.ts";
import { asWriteFailure } from "../../core/files.ts";
import { MODELS_FOLDER, readModel } from "../../core/model-folder.ts";
import { type PrepareOptions, prepare, readWeights, train as runTraining, viewsSheet } from "../../training/index.ts";
import { showProgress } from "../progress.ts";
import { trainingDisplay } from "../train/display.ts";
import { addExportOptions, type ExportFlags, exportOptionsOf } from "../train/export-options.ts";
import { addTrainingOptions, budgetOf, engineOf, settingsFrom, type TrainingFlags } from "../train/options.ts";
import { stopOnInterrupt } from "../train/stop.ts";
import { wrote } from "../train/wrote.ts";

interface Flags extends TrainingFlags, ExportFlags {
  readonly name?: string;
  readonly showViews?: string;
  readonly init?: string;
  readonly teacher?: string;
  readonly resume?: true;
  readonly replace?: true;
  readonly run?: string;
  readonly models: string;
  readonly json?: true;
}

/** `moco-search train`. */
export const command = new Command("train")
  .description(
    "Trains an encoder with Momentum Contrast on folders of images (searched recursively), .tar(.gz) archives or idx(.gz) files, and exports it to models/<name>/.",
  )
  .argument("<images...>", "folders, archives or files of images")
  .option("--name <name>", "name of the model to write")
  .option("--init <model>", "begin from the weights of this model")
  .option("--teacher <model>", "learn from this larger encoder, added or trained, instead of from keys of its own")
  .option("--resume", "go on from the last checkpoint of this name")
  .option("--replace", "replace a model of the same name")
  .option("--run <folder>", "folder of config, metrics and checkpoints (default: ./runs/<name>)")
  .option("--models <folder>", "folder that models are written to", MODELS_FOLDER)
  .option("--show-views <image>", "write a sheet of views to look at, such as views.png, and do not train")
  .option("--json", "print the outcome as one line of JSON")
  .addHelpText("after", "\nExample:\n  $ moco-search train photos/ --name photos --minutes 30");
addExportOptions(command);
addTrainingOptions(command, "30 minutes with the recipe auto, 200 epochs with others");
command.action(async (images: string[], flags: Flags & Record<string, unknown>) => {
  const budget = budgetOf(flags);
  const settings: PrepareOptions = {
    ...(await settingsFrom(images, flags)),
    ...(flags.init && { init: await readWeights(await readModel(flags.models, flags.init)) }),
    ...(flags.teacher && { teacher: await readModel(flags.models, flags.teacher) }),
  };
  if (flags.showViews) return showViews(settings, flags.showViews);
  const name = flags.name;
  if (!name) throw new AppError("invalid_configuration", "Expected --name, the name of the model to write.");
  if (flags.init && flags.resume) {
    throw new AppError(
      "invalid_configuration",
      "Expected --init or --resume but received both: a run that is resumed has its weights.",
    );
  }
  const signal = stopOnInterrupt("; a checkpoint is kept");
  const runFolder = resolve(flags.run ?? join("runs", name));
  const display = trainingDisplay(flags.minutes);
  const result = await runTraining({
    ...settings,
    ...exportOptionsOf(flags),
    name,
    modelsFolder: resolve(flags.models),
    runFolder,
    ...(budget && { budget }),
    resume: flags.resume ?? false,
    replace: flags.replace ?? false,
    ...(flags.threads && { threads: flags.threads }),
    ...engineOf(flags),
    signal,
    onEvent: display.show,
  }).finally(display.stop);
  if (!result.model) {
    console.error(`Stopped at step ${result.metrics?.step ?? 0}. Go on with the same command and --resume.`);
    process.exitCode = 130;
    return;
  }
  const { card } = result.model;
  if (flags.json) console.log(JSON.stringify({ model: card, metrics: result.metrics, run: runFolder }));
  else {
    console.log(wrote(flags.models, card));
    const models = flags.models === MODELS_FOLDER ? "" : ` --models ${flags.models}`;
    console.log(`Serve it:                          moco-search serve --model ${card.name}${models}`);
    console.log(`Or move a running server to it:    moco-search activate ${card.name}`);
  }
});

/** Approximate side of a tile on the sheet of views, pixels; smaller ones are enlarged by a whole factor. */
const LEAST_SIDE = 96;

/** Writes a contact sheet of the views that a training with these settings draws. */
async function showViews(settings: PrepareOptions, path: string): Promise<void> {
  const reading = showProgress("reading images", "images");
  const { config, dataset } = await prepare(settings, undefined, reading.update).finally(reading.stop);
  const sheet = sharp(await viewsSheet(dataset, config));
  await dataset.close();
  const { width } = await sheet.metadata();
  const enlarged = width * Math.max(1, Math.round(LEAST_SIDE / config.imageSize));
  await writeFile(
    path,
    await sheet.flatten({ background: "#fff" }).resize(enlarged, null, { kernel: "nearest" }).png().toBuffer(),
  ).catch((error) => {
    throw asWriteFailure(error, path, "Choose another place.");
  });
  console.log(`Wrote ${path}: in each row an image and eight views of it.`);
}
