// What makes `auto` learn more from ten minutes of a core? Every variant of bench/learning/variants.ts is trained from
// scratch for as many steps as take ten quiet minutes of one thread, and measured on images that were held back from
// training. One file of docs/runs is written for each run; what has one is not run again, and a run that was stopped
// goes on.
//
//   npm run bench:learning -- cifar/train cifar/held --seeds 1 2
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Command } from "commander";
import type { TrainingConfig } from "../training/config/schema.ts";
import { tuningFile } from "../training/graph/engine/tune.ts";
import { CHECKPOINT_FILE, loadCheckpoint } from "../training/run/checkpoint.ts";
import { METRICS_FILE, readRunLog } from "../training/run/log.ts";
import { train } from "../training/train.ts";
import { EMBEDDINGS, measureRun, type Parts } from "./learning/measure.ts";
import { bestRates, variantConfig, variantSettings } from "./learning/rate.ts";
import { VARIANTS } from "./learning/variants.ts";

const program = new Command("bench:learning")
  .argument("<train>", "labelled images to train on; the labels are only used to measure")
  .argument("<held>", "labelled images of the same kind that were held back")
  .option("--only <names...>", "variants", Object.keys(VARIANTS))
  .option("--seeds <numbers...>", "seeds", ["1"])
  .option("--runs <folder>", "where the runs are kept", "runs/learning")
  .option("--results <folder>", "where the results are kept", "docs/runs")
  .option("--minutes <number>", "quiet minutes of one thread that a run takes; fewer to look for ideas", Number, 10)
  .option("--no-train", "measure the runs that are finished, train none")
  .option("--no-measure", "take the kNN on a sample of the training images that the runs log, measure nothing else")
  .option("--json", "print the results as JSON")
  .parse();
const [trainFolder, heldFolder] = program.args as [string, string];
const flags = program.opts<{
  only: string[];
  seeds: string[];
  runs: string;
  results: string;
  minutes: number;
  train: boolean;
  measure: boolean;
  json?: true;
}>();
const parts: Parts = { train: trainFolder, held: heldFolder };

/** Images a second of the baseline on a quiet core of the reference machine; other variants by their ratio to it. */
const BASELINE_RATE = 654;
const COLUMNS = ["sample", ...Object.keys(EMBEDDINGS)];
const SECONDS = 60 * flags.minutes;

/** What one run came to; a file of docs/runs. */
interface Result {
  readonly variant: string;
  readonly seed: number;
  readonly steps: number;
  readonly imagesPerSecond: number;
  readonly knn: Readonly<Record<string, number>>;
  /** Measured without labels at the end of the run. */
  readonly health: Readonly<Record<string, number | string>>;
  readonly config: unknown;
}

const results: Result[] = [];
await mkdir(flags.results, { recursive: true });
for (const seed of flags.seeds.map(Number)) {
  for (const variant of flags.only) {
    const file = join(flags.results, `${variant}-${seed}.json`);
    if (!existsSync(file)) {
      const runFolder = join(flags.runs, `${variant}-${seed}`);
      if (flags.train) await trained(variant, seed, runFolder);
      const result = await resultOf(variant, seed, runFolder);
      if (!result) continue;
      await writeFile(file, `${JSON.stringify(result, null, 2)}\n`);
    }
    const result: Result = JSON.parse(await readFile(file, "utf8"));
    results.push(result);
    console.error(row(result));
  }
}
console.log(flags.json ? JSON.stringify(results) : table());

/** Trains a variant, or goes on with it, unless it is finished. */
async function trained(variant: string, seed: number, runFolder: string): Promise<void> {
  const config = variantConfig(VARIANTS[variant]!, seed);
  const before = await loadCheckpoint(join(runFolder, CHECKPOINT_FILE)).catch(() => undefined);
  if (before && before.progress.step === before.progress.totalSteps) return;
  const steps = (await stepsOfAnotherSeed(variant)) ?? (await affordableSteps(config, seed));
  await train({
    images: [parts.train],
    recipe: "moco-cifar",
    config: variantSettings(VARIANTS[variant]!, seed),
    budget: { steps },
    name: `${variant}-${seed}`,
    runFolder,
    modelsFolder: join(flags.runs, "models"),
    resume: before !== undefined,
    replace: true,
    threads: 1,
    tuningFile: tuningFile(),
    onEvent(event) {
      if (event.kind === "epoch") console.error(`${variant}-${seed}: ${event.epoch.verdict.message}`);
    },
  });
}

/** What another seed of a variant was given: a second timing would differ by noise. */
async function stepsOfAnotherSeed(variant: string): Promise<number | undefined> {
  const files = await readdir(flags.results);
  const other = files.find((file) => file.replace(/-\d+\.json$/, "") === variant);
  return other ? (JSON.parse(await readFile(join(flags.results, other), "utf8")) as Result).steps : undefined;
}

/** Steps that a configuration does in the minutes of a run, timed in turn with the baseline. */
async function affordableSteps(config: TrainingConfig, seed: number): Promise<number> {
  const [baseline, own] = await bestRates([variantConfig({}, seed), config]);
  return Math.round((BASELINE_RATE * SECONDS * (own! / baseline!)) / config.batch);
}

/** Measures a run that is finished. */
async function resultOf(variant: string, seed: number, runFolder: string): Promise<Result | undefined> {
  const checkpoint = await loadCheckpoint(join(runFolder, CHECKPOINT_FILE)).catch(() => undefined);
  if (!checkpoint || checkpoint.progress.step !== checkpoint.progress.totalSteps) return undefined;
  const { config, progress } = checkpoint;
  const lines = await readRunLog(join(runFolder, METRICS_FILE));
  const last = lines.findLast((line) => line.kind === "epoch");
  if (last?.kind !== "epoch") return undefined;
  const { loss, contrastiveAccuracy, spread, effectiveRank, alignment, uniformity, evaluationAccuracy } = last;
  const measures = { loss, contrastiveAccuracy, spread, effectiveRank, alignment, uniformity, evaluationAccuracy };
  return {
    ...{ variant, seed, steps: progress.step },
    imagesPerSecond: Math.round((progress.step * config.batch) / SECONDS),
    knn: {
      ...(last.knn !== undefined && { sample: last.knn }),
      ...(flags.measure && (await measureRun(runFolder, parts, EMBEDDINGS))),
    },
    health: { ...measures, verdict: last.verdict.state },
    config,
  };
}

function row({ variant, seed, steps, imagesPerSecond, knn }: Result): string {
  const measures = COLUMNS.map((name) => (knn[name] === undefined ? "" : (100 * knn[name]).toFixed(1)));
  return `| ${[variant, seed, steps, imagesPerSecond, ...measures].join(" | ")} |`;
}

function table(): string {
  const head = ["variant", "seed", "steps", "images/s", ...COLUMNS];
  return [`| ${head.join(" | ")} |`, `|${" --: |".repeat(head.length)}`, ...results.map(row)].join("\n");
}
