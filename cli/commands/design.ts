// moco-search design: which networks suit your images, by comparing design spaces.
//
//   moco-search design photos/ --spaces growing shallow three-stages --samples 8 --minutes 3
import { join } from "node:path";
import { Command, InvalidArgumentError, Option } from "commander";
import { AppError } from "../../core/errors.ts";
import { replaceFile } from "../../core/files.ts";
import {
  agreement,
  DESIGN_SPACES,
  type DesignSpaceName,
  designPage,
  MOST_SAMPLES,
  networkTable,
  propose,
  design as runDesign,
  spaceTable,
} from "../../training/index.ts";
import { positiveInteger } from "../numbers.ts";
import { addTrainingOptions, engineOf, settingsFrom, type TrainingFlags } from "../train/options.ts";
import { stopOnInterrupt } from "../train/stop.ts";

interface Flags extends TrainingFlags {
  readonly spaces: readonly DesignSpaceName[];
  readonly samples: number;
  readonly out: string;
  readonly json?: true;
}

/** `moco-search design`. */
export const command = new Command("design")
  .description(
    "Samples networks from design spaces, makes them as fast as the network that training would take, trains each for the same short time, and compares the spaces by what all of their networks reach without labels (RegNet's method).",
  )
  .argument("<images...>", "folders, archives or files of images")
  .addOption(
    new Option("--spaces <names...>", "spaces to compare, from free ones to those with more constraints")
      .choices(DESIGN_SPACES)
      .default(["free", "growing", "shallow", "three-stages"]),
  )
  .option("--samples <number>", `networks of each space, at most ${MOST_SAMPLES}`, sampleCount, 8)
  .option(
    "--out <folder>",
    "folder of the page, the best network and each result; networks that it has are not trained again",
    "design",
  )
  .option("--json", "print the outcomes as one line of JSON")
  .addHelpText(
    "after",
    "\nExample:\n  $ moco-search design photos/ --spaces shallow three-stages --samples 8 --minutes 3",
  );
addTrainingOptions(command, "3 minutes for each network");
command.action(async (images: string[], flags: Flags) => {
  if (flags.epochs) {
    throw new AppError(
      "invalid_configuration",
      "Expected --minutes but received --epochs. Networks are compared at an equal time.",
    );
  }
  const signal = stopOnInterrupt("");
  const outcomes = await runDesign({
    ...(await settingsFrom(images, flags)),
    ...{ spaces: flags.spaces, samples: flags.samples, minutes: flags.minutes ?? 3, folder: flags.out },
    ...(flags.threads && { threads: flags.threads }),
    ...engineOf(flags),
    signal,
    onRun: ({ space, architecture: { widths, depths }, time }, number, of) =>
      console.error(
        `network ${number} of ${of}: ${space}, widths ${widths.join(" ")}, blocks ${depths.join(" ")}, ${time.toFixed(2)} of the time of a step`,
      ),
  });
  if (outcomes.length > 0) {
    const best = propose(outcomes);
    const [page, network] = [join(flags.out, "design.html"), join(flags.out, "network.json")];
    await replaceFile(page, await designPage(outcomes));
    await replaceFile(network, `${JSON.stringify({ architecture: best.architecture }, null, 2)}\n`);
    if (flags.json) console.log(JSON.stringify({ outcomes, proposed: best, page, network }));
    else {
      console.log(`${spaceTable(outcomes)}\n\n${networkTable(outcomes)}\n\n${agreement(outcomes)}`);
      console.log(`\nWrote ${page}. Train with the best network of the best space:`);
      console.log(`  moco-search train ${images.join(" ")} --name <name> --config ${network}`);
    }
  }
  if (signal.aborted) process.exitCode = 130;
});

function sampleCount(text: string): number {
  const count = positiveInteger(text);
  if (count <= MOST_SAMPLES) return count;
  throw new InvalidArgumentError(`Expected 1 to ${MOST_SAMPLES}.`);
}
