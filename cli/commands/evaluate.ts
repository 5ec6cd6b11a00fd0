import { Command, InvalidArgumentError } from "commander";
import { keepEvaluation, MODELS_FOLDER, readModel } from "../../core/model-folder.ts";
import {
  type Evaluation,
  evaluate as evaluateModel,
  type Measures,
  measuresByName,
  PROTOCOLS,
  type Protocol,
} from "../../training/index.ts";
import { positiveInteger } from "../numbers.ts";
import { type Progress, showProgress } from "../progress.ts";

interface Flags {
  readonly train: readonly string[];
  readonly test: readonly string[];
  readonly protocol: readonly Protocol[];
  readonly models: string;
  readonly threads?: number;
  readonly save?: string;
  readonly json?: true;
}

/** `moco-search evaluate`. */
export const command = new Command("evaluate")
  .description(
    "Measures the frozen embeddings of a model on labelled images (the label is the name of the folder that an image is in), beside raw pixels and an untrained encoder. Images are folders, .tar(.gz) archives, idx(.gz) files, or a folder inside an archive: images.tar.gz#train",
  )
  .argument("<model>", "name of a model")
  .requiredOption("--train <images...>", "images to learn and to find neighbours from")
  .requiredOption("--test <images...>", "images to be recognised")
  .option("--protocol <list>", `some of ${PROTOCOLS.join(",")}`, protocols, [...PROTOCOLS])
  .option("--models <folder>", "folder of the models", MODELS_FOLDER)
  .option("--threads <number>", "threads (default: all cores)", positiveInteger)
  .option("--save <title>", 'keep the measures in the model\'s card under this title, such as "CIFAR-10 test"')
  .option("--json", "print the measures as one line of JSON")
  .addHelpText(
    "after",
    "\nExample:\n  $ moco-search evaluate photos --train cifar10.tar.gz#cifar10/train --test cifar10.tar.gz#cifar10/test",
  )
  .action(async (name: string, flags: Flags) => {
    const model = await readModel(flags.models, name);
    const display = progressByName();
    const evaluation = await evaluateModel(model, {
      train: flags.train,
      test: flags.test,
      protocols: flags.protocol,
      ...(flags.threads && { threads: flags.threads }),
      onProgress: display.update,
    }).finally(display.stop);
    if (flags.save) await keepEvaluation(model, { images: flags.save, measures: measuresByName(evaluation) });
    if (flags.json) console.log(JSON.stringify(evaluation));
    else {
      console.log(table(name, evaluation));
      console.log(`\n${evaluation.imagesPerSecond.toFixed(0)} images a second`);
      for (const note of evaluation.notes) console.log(note);
    }
  });

/** Shows a new bar whenever the name of what is done changes. */
function progressByName() {
  let shown: { what: string; bar: Progress } | undefined;
  return {
    update(what: string, done: number, total: number | undefined) {
      if (shown?.what !== what) {
        shown?.bar.stop();
        shown = { what, bar: showProgress(what, "") };
      }
      shown.bar.update(done, total);
    },
    stop: () => shown?.bar.stop(),
  };
}

const COLUMNS: ReadonlyArray<readonly [string, (measures: Measures) => number | undefined]> = [
  ["kNN", (m) => m.knn?.top1],
  ["linear", (m) => m.linear?.top1],
  ["recall@1", (m) => m.retrieval?.recallAt1],
  ["recall@5", (m) => m.retrieval?.recallAt5],
  ["recall@10", (m) => m.retrieval?.recallAt10],
  ["mAP", (m) => m.retrieval?.mAP],
];

/** A table in percent: a row for the model and each baseline, a column for each measure that was taken. */
function table(name: string, evaluation: Evaluation): string {
  const columns = COLUMNS.filter(([, measure]) => measure(evaluation) !== undefined);
  const { pixels, untrained } = evaluation.baselines;
  const measured = { [name]: evaluation, ...(untrained && { untrained }), pixels };
  const rows = [["%", ...columns.map(([title]) => title)]];
  for (const [title, measures] of Object.entries(measured)) {
    rows.push([title, ...columns.map(([, measure]) => (100 * measure(measures)!).toFixed(1))]);
  }
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  const line = (row: string[]) =>
    row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join("  ");
  return rows.map(line).join("\n");
}

function protocols(text: string): Protocol[] {
  const names = text.split(",");
  const unknown = names.filter((name) => !PROTOCOLS.includes(name as Protocol));
  if (unknown.length > 0) throw new InvalidArgumentError(`Expected some of ${PROTOCOLS.join(",")}.`);
  return names as Protocol[];
}
