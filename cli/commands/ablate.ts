// moco-search ablate: the paper's ablations on your images.
//
//   moco-search ablate photos/ --epochs 5 --only shuffle
import { writeFile } from "node:fs/promises";
import { Command, Option } from "commander";
import { asWriteFailure } from "../../core/files.ts";
import { ABLATIONS, type Ablation, ablationPage, ablationTable, ablate as runAblations } from "../../training/index.ts";
import { addTrainingOptions, budgetOf, engineOf, settingsFrom, type TrainingFlags } from "../train/options.ts";
import { stopOnInterrupt } from "../train/stop.ts";

interface Flags extends TrainingFlags {
  readonly only: readonly Ablation[];
  readonly out: string;
  readonly json?: true;
}

/** `moco-search ablate`. */
export const command = new Command("ablate")
  .description(
    "Trains short runs that differ in one thing (mechanism and queue size, key momentum, shuffled BN) and compares their encoders; sub-folders are labels for kNN.",
  )
  .argument("<images...>", "folders, archives or files of images")
  .addOption(new Option("--only <names...>", "some of the ablations").choices(ABLATIONS).default(ABLATIONS))
  .option("--out <file>", "page with the table and the charts", "ablation.html")
  .option("--json", "print the outcomes as one line of JSON")
  .addHelpText("after", "\nExample:\n  $ moco-search ablate photos/ --epochs 5 --only key-momentum shuffle");
addTrainingOptions(command, "10 epochs for each run");
command.action(async (images: string[], flags: Flags) => {
  const signal = stopOnInterrupt("");
  const write = (page: string) =>
    writeFile(flags.out, page).catch((error) => {
      throw asWriteFailure(error, flags.out, "Choose another --out.");
    });
  await write(await ablationPage([])); // fails now rather than after the last run
  const outcomes = await runAblations({
    ...(await settingsFrom(images, flags)),
    ablations: flags.only,
    budget: budgetOf(flags) ?? { epochs: 10 },
    ...(flags.threads && { threads: flags.threads }),
    ...engineOf(flags),
    signal,
    onRun: ({ variant, number, of }) => {
      console.error(`run ${number} of ${of}: ${variant.ablation}, ${variant.series}, ${variant.value}`);
    },
  });
  await write(await ablationPage(outcomes));
  console.log(flags.json ? JSON.stringify({ outcomes, page: flags.out }) : ablationTable(outcomes));
  if (!flags.json) console.log(`\nWrote ${flags.out} with the charts.`);
  if (signal.aborted) process.exitCode = 130;
});
