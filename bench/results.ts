// The table of docs/results.md from the data archives: raw pixels, an untrained encoder and a model, on images with
// labels that the model never saw.
//
//   npm run bench:results -- --tiny tiny-imagenet.tar.gz --cifar cifar-10.tar.gz \
//     --fashion /usr/share/datasets/fashion-mnist
import { join } from "node:path";
import { Command } from "commander";
import { keepEvaluation, readModel } from "../core/model-folder.ts";
import { packageRoot } from "../core/paths.ts";
import { evaluate, type Measures, measuresByName } from "../training/evaluate/evaluate.ts";
import { holdBack } from "./results/hold-back.ts";

const flags = new Command("bench:results")
  .option(
    "--tiny <archive>",
    "photographs that the default encoder is trained on, <class>/<image>; 50 a class are held back",
  )
  .option("--cifar <archive>", "CIFAR-10 as train/<class>/<image> and test/<class>/<image>")
  .option("--fashion <folder>", "Fashion-MNIST as idx(.gz) files")
  .option("--model <name>", "model to measure", "default")
  .option("--models <folder>", "folder of the models", join(packageRoot(), "models"))
  .option("--work <folder>", "where the archive is unpacked", "bench-data")
  .option("--threads <number>", "threads (default: all cores)", Number)
  .option("--save", "keep the measures in the model's card")
  .parse()
  .opts<{
    tiny?: string;
    cifar?: string;
    fashion?: string;
    model: string;
    models: string;
    work: string;
    threads?: number;
    save?: true;
  }>();
/** Images of each class of the training archive that are not trained on. */
const HELD_BACK = 50;

const sets: Array<{ name: string; train: string; test: string }> = [];
if (flags.tiny) {
  const { train, held } = await holdBack(flags.tiny, join(flags.work, "tiny"), HELD_BACK);
  sets.push({ name: "Tiny ImageNet, held back", train, test: held });
}
if (flags.cifar) sets.push({ name: "CIFAR-10 test", train: `${flags.cifar}#train`, test: `${flags.cifar}#test` });
if (flags.fashion) {
  const file = (part: string) => join(flags.fashion!, `${part}-images-idx3-ubyte.gz`);
  sets.push({ name: "Fashion-MNIST test", train: file("train"), test: file("t10k") });
}
if (sets.length === 0) throw new Error("Expected some of --tiny, --cifar and --fashion but received none of them");

console.log("| images | encoder | kNN % | linear % | recall@1 % | recall@10 % | mAP % |");
console.log("| :-- | :-- | --: | --: | --: | --: | --: |");
for (const { name, train, test } of sets) {
  const model = await readModel(flags.models, flags.model);
  const { baselines, imagesPerSecond, ...own } = await evaluate(model, {
    train: [train],
    test: [test],
    ...(flags.threads && { threads: flags.threads }),
  });
  if (flags.save) await keepEvaluation(model, { images: name, measures: measuresByName(own) });
  row(name, "raw pixels", baselines.pixels);
  if (baselines.untrained) row(name, "untrained", baselines.untrained);
  row(name, `${flags.model} (${imagesPerSecond.toFixed(0)} images/s)`, own);
}

function row(images: string, encoder: string, { knn, linear, retrieval }: Measures): void {
  const { recallAt1, recallAt10, mAP } = retrieval!;
  const measures = [knn!.top1, linear!.top1, recallAt1, recallAt10, mAP].map((share) => (100 * share).toFixed(1));
  console.log(`| ${[images, encoder, ...measures].join(" | ")} |`);
}
