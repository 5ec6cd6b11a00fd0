// moco-search export: writes a model from a run's last checkpoint.
//
//   moco-search export runs/photos --name photos-small --embedding whitened --dimensions 64
import { join, resolve } from "node:path";
import { Command } from "commander";
import { MODELS_FOLDER } from "../../core/model-folder.ts";
import { exportRun } from "../../training/index.ts";
import { positive } from "../numbers.ts";
import { addExportOptions, type ExportFlags, exportOptionsOf } from "../train/export-options.ts";

interface Flags extends ExportFlags {
  readonly name?: string;
  readonly images?: readonly string[];
  readonly replace?: true;
  readonly models: string;
  readonly threads?: number;
  readonly json?: true;
}

/** `moco-search export`. */
export const command = new Command("export")
  .description(
    "Writes models/<name>/ from the last checkpoint of a run: with another embedding, size or precision, or of a run that was stopped early.",
  )
  .argument("<run>", "folder of the run, such as runs/photos")
  .option("--name <name>", "name of the model to write (default: that of the folder)")
  .option("--images <images...>", "where the images are now, if they were moved")
  .option("--replace", "replace a model of the same name")
  .option("--models <folder>", "folder that models are written to", MODELS_FOLDER)
  .option("--threads <number>", "threads (default: all cores)", positive)
  .option("--json", "print the model's card as one line of JSON")
  .addHelpText("after", "\nExample:\n  $ moco-search export runs/photos --name photos-64 --dimensions 64");
addExportOptions(command);
command.action(async (runFolder: string, flags: Flags) => {
  const { name, images, models, threads } = flags;
  const { card } = await exportRun({
    ...exportOptionsOf(flags),
    runFolder,
    modelsFolder: resolve(models),
    replace: flags.replace ?? false,
    ...(name && { name }),
    ...(images && { images }),
    ...(threads && { threads }),
  });
  if (flags.json) console.log(JSON.stringify(card));
  else {
    const { width, height } = card.input;
    console.log(`Wrote ${join(models, card.name)}: ${card.dimensions} dimensions, ${width}×${height} pixels.`);
  }
});
