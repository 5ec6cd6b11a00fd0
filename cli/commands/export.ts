// moco-search export: writes a model from a run's last checkpoint, or its weights for PyTorch.
//
//   moco-search export runs/photos --name photos-small --embedding whitened --dimensions 64
//   moco-search export runs/photos --to torchvision
import { resolve } from "node:path";
import { Command, Option } from "commander";
import { AppError } from "../../core/errors.ts";
import { MODELS_FOLDER } from "../../core/model-folder.ts";
import { exportRun, exportWeights, LIBRARIES, type Library } from "../../training/index.ts";
import { positive } from "../numbers.ts";
import { addExportOptions, type ExportFlags, exportOptionsOf } from "../train/export-options.ts";
import { wrote } from "../train/wrote.ts";

interface Flags extends ExportFlags {
  readonly name?: string;
  readonly images?: readonly string[];
  readonly replace?: true;
  readonly models: string;
  readonly threads?: number;
  readonly json?: true;
  readonly to?: Library;
  readonly output?: string;
}

/** `moco-search export`. */
export const command = new Command("export")
  .description(
    "Writes models/<name>/ from the last checkpoint of a run: with another embedding, size or precision, or of a run that was stopped early. With --to, its weights for PyTorch.",
  )
  .argument("<run>", "folder of the run, such as runs/photos; with --to also of a model")
  .option("--name <name>", "name of the model to write (default: that of the folder)")
  .option("--images <images...>", "where the images are now, if they were moved")
  .option("--replace", "replace a model of the same name")
  .option("--models <folder>", "folder that models are written to", MODELS_FOLDER)
  .option("--threads <number>", "threads (default: all cores)", positive)
  .option("--json", "print the model's card as one line of JSON")
  .addOption(new Option("--to <library>", "write the weights by its names, as safetensors").choices(LIBRARIES))
  .option("--output <file>", "file of --to (default: <name of the folder>.safetensors)")
  .addHelpText("after", "\nExample:\n  $ moco-search export runs/photos --name photos-64 --dimensions 64");
addExportOptions(command);
command.action(async (runFolder: string, flags: Flags) => {
  const { name, images, models, threads, to: library, output } = flags;
  if (library) return forPyTorch(runFolder, library, output, flags.json);
  const { card } = await exportRun({
    ...exportOptionsOf(flags),
    runFolder,
    modelsFolder: resolve(models),
    replace: flags.replace ?? false,
    ...(name && { name }),
    ...(images && { images }),
    ...(threads && { threads }),
  });
  console.log(flags.json ? JSON.stringify(card) : wrote(models, card));
});

/** What an export for PyTorch goes by; the other options are about a model. */
const PYTORCH_OPTIONS = ["to", "output", "json"];

async function forPyTorch(folder: string, library: Library, output?: string, json?: true): Promise<void> {
  const other = command.options.find(
    (option) =>
      command.getOptionValueSource(option.attributeName()) === "cli" &&
      !PYTORCH_OPTIONS.includes(option.attributeName()),
  );
  if (other) {
    throw new AppError(
      "invalid_configuration",
      `Expected only --output beside --to but received ${other.long}, which is about models that are served.`,
    );
  }
  const written = await exportWeights(folder, { library, ...(output && { output }) });
  if (json) console.log(JSON.stringify(written));
  else console.log(`Wrote ${written.path}. In Python, where it gives pooled features:\n\n${written.python}`);
}
