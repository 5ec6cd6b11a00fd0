// Options of every command that trains.
import { type Command, Option } from "commander";
import { AppError } from "../../core/errors.ts";
import {
  type Budget,
  DEVICE_NAMES,
  type DeviceName,
  findDevice,
  merge,
  type PrepareOptions,
  RECIPE_NAMES,
  type RecipeName,
  type Settings,
  tuningFile,
} from "../../training/index.ts";
import { positive } from "../numbers.ts";
import { readSettings } from "../settings-file.ts";
import { hyperparameterOptions, settingsOf } from "./hyperparameters.ts";

/** The values of {@link addTrainingOptions}, and the hyper-parameters by their flags' names. */
export interface TrainingFlags extends Readonly<Record<string, unknown>> {
  readonly recipe: RecipeName;
  readonly config?: string;
  readonly device: DeviceName;
  readonly epochs?: number;
  readonly minutes?: number;
  readonly threads?: number;
  readonly tune: boolean;
  readonly recompute?: boolean;
}

/** @param budget The default length of a run, in words. */
export function addTrainingOptions(command: Command, budget: string): void {
  command
    .addOption(new Option("--recipe <name>", "where hyper-parameters come from").choices(RECIPE_NAMES).default("auto"))
    .option("--config <file>", "hyper-parameters as JSON or YAML; flags go before it, and it before the recipe")
    .option("--epochs <number>", "passes over the collection", positive)
    .option(
      "--minutes <number>",
      `train for about this long; the schedule is fitted to it (default: ${budget})`,
      positive,
    )
    .addOption(new Option("--device <name>", "where to compute").choices(DEVICE_NAMES).default("auto"))
    .option("--threads <number>", "threads (default: all cores)", positive)
    .option("--no-tune", "take fixed forms of convolutions; do not time them on this machine")
    .option("--recompute", "compute cheap activations twice instead of keeping them: less memory, a little slower")
    .optionsGroup("Hyper-parameters:");
  for (const option of hyperparameterOptions()) command.addOption(option);
}

/** The length of a run; undefined if the user sets none. */
export function budgetOf({ epochs, minutes }: TrainingFlags): Budget | undefined {
  if (epochs && minutes) {
    throw new AppError("invalid_configuration", "Expected --epochs or --minutes but received both. Give one of them.");
  }
  if (epochs) return { epochs };
  return minutes ? { minutes } : undefined;
}

/** How to compute: which forms of convolutions, and whether activations are computed again to save memory. */
export const engineOf = ({ tune, recompute = false }: TrainingFlags) => ({
  recompute,
  ...(tune && { tuningFile: tuningFile() }),
});

/** What the flags set, with the device resolved. */
export async function settingsFrom(images: readonly string[], flags: TrainingFlags): Promise<PrepareOptions> {
  const file: Settings = flags.config ? await readSettings(flags.config, "hyper-parameters") : {};
  const config = merge(file, settingsOf(flags)) as Settings;
  return { images, recipe: flags.recipe, config, device: await findDevice(flags.device) };
}
