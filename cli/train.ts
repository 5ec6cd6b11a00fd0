// moco-search train: from folders of images to a model in models/.
//
//   moco-search train photos/ --name photos --minutes 1        (one minute on the CPU)
import { join, resolve } from "node:path";
import { Command, InvalidArgumentError } from "commander";
import { AppError } from "../core/errors.ts";
import { readModel } from "../core/model-folder.ts";
import { packageRoot } from "../core/paths.ts";
import { readWeights } from "../training/publish.ts";
import { type Budget, train as runTraining, type TrainEvent } from "../training/train.ts";
import { showProgress } from "./progress.ts";

interface Flags {
  readonly name: string;
  readonly epochs?: number;
  readonly minutes?: number;
  readonly init?: string;
  readonly resume?: true;
  readonly replace?: true;
  readonly seed?: number;
  readonly threads?: number;
  readonly run?: string;
  readonly models: string;
  readonly json?: true;
}

/** `moco-search train`. */
export const train = new Command("train")
  .summary("train an encoder on your images, without labels")
  .description(
    "Trains an encoder with Momentum Contrast on folders of images (searched recursively), .tar(.gz) archives or idx(.gz) files, and exports it to models/<name>/.",
  )
  .argument("<images...>", "folders, archives or files of images")
  .requiredOption("--name <name>", "name of the model to write")
  .option("--epochs <number>", "passes over the collection", positive)
  .option("--minutes <number>", "train for about this long; the schedule is fitted to it (default: 30)", positive)
  .option("--init <model>", "begin from the weights of this model")
  .option("--resume", "go on from the last checkpoint of this name")
  .option("--replace", "replace a model of the same name")
  .option("--seed <number>", "seed of every random draw (default: 1)", positive)
  .option("--threads <number>", "threads (default: all cores)", positive)
  .option("--run <folder>", "folder of config, metrics and checkpoints (default: ./runs/<name>)")
  .option("--models <folder>", "folder that models are written to", join(packageRoot(), "models"))
  .option("--json", "print the outcome as one line of JSON")
  .addHelpText("after", "\nExample:\n  $ moco-search train photos/ --name photos --minutes 30")
  .action(async (images: string[], flags: Flags) => {
    if (flags.epochs && flags.minutes) {
      throw new AppError(
        "invalid_configuration",
        "Expected --epochs or --minutes but received both. Give one of them.",
      );
    }
    const stop = new AbortController();
    process.once("SIGINT", () => {
      console.error("\nStopping after this step; a checkpoint is kept. Press Ctrl-C again to end at once.");
      stop.abort();
      process.once("SIGINT", () => process.exit(130));
    });
    const budget: Budget = flags.epochs ? { epochs: flags.epochs } : { minutes: flags.minutes ?? 30 };
    const runFolder = resolve(flags.run ?? join("runs", flags.name));
    const init = flags.init ? await readWeights(await readModel(flags.models, flags.init)) : undefined;
    const display = trainingDisplay();
    const result = await runTraining({
      images,
      name: flags.name,
      modelsFolder: resolve(flags.models),
      runFolder,
      budget,
      config: flags.seed ? { seed: flags.seed } : {},
      ...(init && { init }),
      resume: flags.resume ?? false,
      replace: flags.replace ?? false,
      ...(flags.threads && { threads: flags.threads }),
      signal: stop.signal,
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
      console.log(
        `Wrote ${join(flags.models, card.name)}: ${card.dimensions} dimensions, ${card.input.width}×${card.input.height} pixels.`,
      );
      console.log(
        `Serve it from a running server:  curl -X POST http://127.0.0.1:3000/v1/models/${card.name}/activate`,
      );
    }
  });

/** What a training shows on stderr while it runs. */
export function trainingDisplay(): { show: (event: TrainEvent) => void; stop: () => void } {
  const reading = showProgress("reading images", "images");
  const training = showProgress("training", "images");
  let batch = 1;
  return {
    show(event) {
      if (event.kind === "reading") reading.update(event.done, event.total);
      if (event.kind === "starting") {
        reading.stop();
        batch = event.config.batch;
        const { corrupt, count } = event.dataset;
        console.error(`${count} images to train on${corrupt.length ? `, ${corrupt.length} skipped:` : "."}`);
        for (const { name, reason } of corrupt.slice(0, 10)) console.error(`  ${name}: ${reason}`);
        if (corrupt.length > 10) console.error(`  and ${corrupt.length - 10} more`);
        for (const reason of event.reasons) console.error(`- ${reason}`);
      }
      if (event.kind === "epoch") {
        training.say(`epoch ${event.epoch.epoch.toFixed(1)}  ${event.epoch.verdict.message}`);
      }
      if (event.kind === "step") {
        const { step, totalSteps, loss, accuracy } = event.metrics;
        training.update(
          step * batch,
          totalSteps && totalSteps * batch,
          `loss ${loss.toFixed(3)}  own key found ${(100 * accuracy).toFixed(0)} %`,
        );
      }
    },
    stop() {
      reading.stop();
      training.stop();
    },
  };
}

function positive(text: string): number {
  const value = Number(text);
  if (!(value > 0) || !Number.isFinite(value)) throw new InvalidArgumentError("Expected a number above 0.");
  return value;
}
