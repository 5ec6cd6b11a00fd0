// moco-search fit: makes the embedding of a model anew for a collection, in under a minute and without training.
//
//   moco-search fit default photos/ --name photos
import { resolve } from "node:path";
import { Command } from "commander";
import { MODELS_FOLDER, readModel } from "../../core/model-folder.ts";
import { fitModel, readWeights } from "../../training/index.ts";
import { positive } from "../numbers.ts";
import { showProgress } from "../progress.ts";
import { addExportOptions, type ExportFlags, exportOptionsOf } from "../train/export-options.ts";
import { wrote } from "../train/wrote.ts";

interface Flags extends ExportFlags {
  readonly name: string;
  readonly replace?: true;
  readonly models: string;
  readonly threads?: number;
  readonly json?: true;
}

/** `moco-search fit`. */
export const command = new Command("fit")
  .description(
    "Fits a model to your images in under a minute, without training. Its network stays as it is; its embedding and thresholds are made anew from up to 8,192 of them. Writes models/<name>/.",
  )
  .argument("<model>", "name of a model, such as default")
  .argument("<images...>", "folders, archives or files of images")
  .requiredOption("--name <name>", "name of the model to write")
  .option("--replace", "replace a model of the same name")
  .option("--models <folder>", "folder that models are read from and written to", MODELS_FOLDER)
  .option("--threads <number>", "threads (default: all cores)", positive)
  .option("--json", "print the model's card as one line of JSON")
  .addHelpText("after", "\nExample:\n  $ moco-search fit default photos/ --name photos");
addExportOptions(command);
command.action(async (model: string, images: string[], flags: Flags) => {
  const { name, models, replace = false, threads, json } = flags;
  const reading = showProgress("reading images", "images");
  const { card } = await fitModel(await readWeights(await readModel(models, model)), {
    ...exportOptionsOf(flags),
    ...{ name, images, replace },
    modelsFolder: resolve(models),
    ...(threads && { threads }),
    onReading: reading.update,
  }).finally(reading.stop);
  console.log(json ? JSON.stringify(card) : wrote(models, card));
});
