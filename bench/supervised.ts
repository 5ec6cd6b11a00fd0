// The supervised twin of an encoder, to compare with and for nothing else: the same network, images, views, optimiser
// and minutes as `moco-search train` with the same settings, but cross entropy on the labels, which are the names of
// folders. It writes weights that `moco-search transfer --encoders` takes.
//
//   npm run bench:supervised -- tiny/train --config network.yaml --minutes 30 --out runs/supervised.safetensors
import { mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import { Command } from "commander";
import { readSettings } from "../cli/settings-file.ts";
import { replaceFile } from "../core/files.ts";
import type { Settings } from "../training/config/settle.ts";
import type { StoredTensor } from "../training/data/safetensors.ts";
import { tuningFile } from "../training/graph/engine/tune.ts";
import { learningRateAt } from "../training/optimize/schedule.ts";
import { createBatches } from "../training/run/batches.ts";
import { createPace } from "../training/run/pace.ts";
import { prepare } from "../training/run/prepare.ts";
import { encodeWeights } from "../training/run/warm-start.ts";
import { compileSupervised } from "./transfer/supervised-step.ts";

const program = new Command("bench:supervised")
  .argument("<images...>", "images in folders that are their labels")
  .requiredOption("--out <file>", "weights to write, x.safetensors")
  .option("--config <file>", "hyper-parameters as JSON or YAML, as of `moco-search train`")
  .option("--minutes <number>", "how long", Number, 30)
  .option("--threads <number>", "threads", Number, 1)
  .parse();
const images = program.args;
const flags = program.opts<{ out: string; config?: string; minutes: number; threads: number }>();

const settings: Settings = flags.config ? await readSettings(flags.config, "hyper-parameters") : {};
const { config, dataset } = await prepare({ images, config: settings });
const { labels } = dataset;
if (!labels) throw new Error("Expected every image in a folder that is its label, but some are in none");
const classes = [...new Set(labels)].sort();
const numbers = new Map(classes.map((label, n) => [label, n]));

const step = await compileSupervised(config, classes.length, { threads: flags.threads, file: tuningFile() });
const batches = createBatches(dataset, config, 0);
const pace = createPace({ minutes: flags.minutes }, { stepsPerEpoch: batches.stepsPerEpoch, batch: config.batch });
let sums = { loss: 0, accuracy: 0 };
while (!pace.isOver) {
  const { indices, feeds } = await pace.waitFor(batches.next());
  const rate = learningRateAt(pace.progress, config.learningRate, config.schedule);
  const out = await step.run(feeds, { labels: Array.from(indices, (i) => numbers.get(labels[i]!)!), rate });
  const { step: done, imagesPerSecond } = pace.stepDone();
  sums = { loss: sums.loss + out.loss, accuracy: sums.accuracy + out.accuracy };
  if (done % 100 === 0) {
    const [loss, accuracy] = [sums.loss / 100, sums.accuracy];
    console.error(
      `step ${done}  loss ${loss.toFixed(3)}  right ${accuracy.toFixed(1)} %  ${imagesPerSecond.toFixed(0)} images/s`,
    );
    sums = { loss: 0, accuracy: 0 };
  }
}
const tensors: ReadonlyMap<string, StoredTensor> = await step.encoder();
await step.release();
await dataset.close();
await mkdir(dirname(flags.out), { recursive: true });
await replaceFile(flags.out, encodeWeights(config, tensors));
console.log(
  `Wrote ${flags.out}: ${pace.step} steps of ${config.batch} images in ${(pace.seconds / 60).toFixed(1)} minutes.`,
);
