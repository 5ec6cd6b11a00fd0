// Ours beside lightly: one network from scratch on the same images for the same minutes of one thread, each with its
// own recipe, views and loss, measured alike on images that were held back.
//
//   PYTHONPATH=<torch, torchvision, pillow, lightly> npm run bench:lightly -- cifar/train cifar/held --minutes 10
import { execFile } from "node:child_process";
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { Command } from "commander";
import { packageRoot } from "../core/paths.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { knn } from "../training/evaluate/knn.ts";
import type { LabelledEmbeddings } from "../training/evaluate/similarities.ts";
import { fitWhitening, whiten } from "../training/export/whitening.ts";
import { tuningFile } from "../training/graph/engine/tune.ts";
import { namedArchitecture } from "../training/network/backbone.ts";
import { train } from "../training/train.ts";
import { EMBEDDINGS, measureRun } from "./learning/measure.ts";

const program = new Command("bench:lightly")
  .argument("<train>", "labelled images to train on; the labels are only used to measure")
  .argument("<held>", "labelled images of the same kind that were held back")
  .option("--minutes <number>", "of each training, on one thread", Number, 10)
  .option("--seeds <numbers...>", "seeds", ["1"])
  .option("--size <pixels>", "side of the images that are trained on", Number, 32)
  .option("--python <command>", "that has torch, torchvision, pillow and lightly", "python3")
  .option("--json", "print JSON only")
  .parse();
const [trainFolder, heldFolder] = program.args as [string, string];
const flags = program.opts<{ minutes: number; seeds: string[]; size: number; python: string; json?: true }>();
const NETWORK = "small-3";
/** lightly gives features of the last stage alone, so ours are measured by that stage too. */
const { "one stage": whitened, features, projection } = EMBEDDINGS;

interface Result {
  readonly side: string;
  readonly seed: number;
  readonly imagesSeen: number;
  /** Top-1 by embedding, 0..1. */
  readonly knn: Readonly<Record<"whitened" | "features" | "projection", number>>;
}

async function ours(seed: number, folder: string): Promise<Result> {
  const runFolder = join(folder, "run");
  const { model } = await train({
    images: [trainFolder],
    config: { architecture: NETWORK, imageSize: flags.size, seed },
    budget: { minutes: flags.minutes },
    name: "ours",
    runFolder,
    modelsFolder: join(folder, "models"),
    threads: 1,
    tuningFile: tuningFile(),
  });
  const parts = { train: trainFolder, held: heldFolder };
  const measured = await measureRun(runFolder, parts, { whitened, features, projection });
  return { side: "ours", seed, imagesSeen: model!.card.training!.imagesSeen, knn: measured };
}

const lightly =
  (method: "moco" | "simclr") =>
  async (seed: number, folder: string): Promise<Result> => {
    const out = join(folder, method);
    await mkdir(out, { recursive: true });
    const places = ["--train", trainFolder, "--held", heldFolder, "--out", out];
    const { widths } = namedArchitecture(NETWORK, flags.size);
    const sizes = ["--widths", widths.join(), "--side", String(flags.size)];
    const script = join(packageRoot(), "bench", "lightly_peer.py");
    const { stdout } = await promisify(execFile)(
      flags.python,
      [script, method, ...places, ...sizes, "--minutes", String(flags.minutes), "--seed", String(seed)],
      { maxBuffer: 2 ** 28 },
    );
    const { imagesSeen, labels } = JSON.parse(stdout.trim().split("\n").at(-1)!) as {
      imagesSeen: number;
      labels: Record<Part, string[]>;
    };
    const read = async (part: Part, name: string): Promise<LabelledEmbeddings> => {
      const bytes = await readFile(join(out, `${part}.${name}`));
      return { embeddings: new Float32Array(new Uint8Array(bytes).buffer), labels: labels[part] };
    };
    const [known, queries] = [await read("train", "features"), await read("held", "features")];
    const whiten = await whitening(known);
    return {
      side: `lightly, ${method}`,
      seed,
      imagesSeen,
      knn: {
        whitened: (await knn(await whiten(queries), await whiten(known))).top1,
        features: (await knn(queries, known)).top1,
        projection: (await knn(await read("held", "projection"), await read("train", "projection"))).top1,
      },
    };
  };

type Part = "train" | "held";

/** Whitens features as our own are here, fitted to these. */
async function whitening({ embeddings, labels }: LabelledEmbeddings) {
  const fitted = await fitWhitening(embeddings, embeddings.length / labels.length, whitened.embedding, { threads: 1 });
  return async ({ embeddings, labels }: LabelledEmbeddings): Promise<LabelledEmbeddings> => ({
    embeddings: await whiten(embeddings, fitted, 1),
    labels,
  });
}

const results: Result[] = [];
if (!flags.json)
  console.log(
    "| | seed | images seen | whitened, 128 | features | projection |\n| :-- | --: | --: | --: | --: | --: |",
  );
for (const seed of flags.seeds.map(Number)) {
  for (const play of [ours, lightly("moco"), lightly("simclr")]) {
    const { folder, remove } = await temporaryFolder();
    const result = await play(seed, folder).finally(remove);
    results.push(result);
    const { side, imagesSeen, knn } = result;
    const shares = [knn.whitened, knn.features, knn.projection].map((share) => (100 * share).toFixed(1));
    if (!flags.json) console.log(`| ${[side, seed, imagesSeen.toLocaleString("en"), ...shares].join(" | ")} |`);
  }
}
if (flags.json) console.log(JSON.stringify(results, null, 2));
