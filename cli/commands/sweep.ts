// moco-search sweep: values of hyper-parameters compared on your images.
//
//   moco-search sweep photos/ --try learning-rate=0.06,0.12,0.24 temperature=0.1,0.2 --minutes 3
import { Command } from "commander";
import { sweep as runSweep, sweepTable } from "../../training/index.ts";
import { axisOf } from "../train/hyperparameters.ts";
import { addTrainingOptions, budgetOf, engineOf, settingsFrom, type TrainingFlags } from "../train/options.ts";
import { stopOnInterrupt } from "../train/stop.ts";

interface Flags extends TrainingFlags {
  readonly try: readonly string[];
  readonly json?: true;
}

/** `moco-search sweep`. */
export const command = new Command("sweep")
  .description(
    "Trains every combination of some hyper-parameters' values for the same short time and ranks them: by kNN where sub-folders are labels, otherwise by how often an image's own key is found.",
  )
  .argument("<images...>", "folders, archives or files of images")
  .requiredOption("--try <name=values...>", "a hyper-parameter, as its flag is called, and values divided by commas")
  .option("--json", "print the outcomes as one line of JSON")
  .addHelpText(
    "after",
    "\nExample:\n  $ moco-search sweep photos/ --try learning-rate=0.06,0.12 temperature=0.1,0.2 --minutes 3",
  );
addTrainingOptions(command, "3 minutes for each run");
command.action(async (images: string[], flags: Flags) => {
  const axes = flags.try.map(axisOf);
  const signal = stopOnInterrupt("");
  const outcomes = await runSweep({
    ...(await settingsFrom(images, flags)),
    axes,
    budget: budgetOf(flags) ?? { minutes: 3 },
    ...(flags.threads && { threads: flags.threads }),
    ...engineOf(flags),
    signal,
    onRun: ({ values, number, of }) =>
      console.error(`run ${number} of ${of}: ${Object.entries(values).flat().join(" ")}`),
  });
  console.log(flags.json ? JSON.stringify({ outcomes }) : sweepTable(outcomes));
  const [best] = outcomes;
  if (best && !flags.json) {
    const chosen = Object.entries(best.values).map(([name, value]) => `--${name} ${value}`);
    console.log(`\nTrain with the best:    moco-search train ${images.join(" ")} --name <name> ${chosen.join(" ")}`);
  }
  if (signal.aborted) process.exitCode = 130;
});
