// Training speed beside PyTorch's on the same machine: images per second and peak memory of one MoCo step.
//
//   npm run bench:train -- --peer <bench_pytorch.py> [--json] [--rounds 3]     ours and the peer's in turn
//   npm run bench:train -- --profile                                         where our time goes
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { Command, Option } from "commander";
import type { QueuePrecision } from "../training/moco/queue.ts";
import { CASES, timeStep } from "./training-step.ts";

/** One side of one case. */
interface Side {
  /** Images per second, median over all steps of all rounds' medians. */
  median: number;
  /** Images per second of the fastest step. */
  best: number;
  /** Peak resident memory of the process, the largest of the rounds. */
  rssMb: number;
}

const run = promisify(execFile);
const program = new Command("bench:train")
  .option("--case <name>", `one of ${Object.keys(CASES).join(", ")}; all where not given`)
  .option("--rounds <n>", "processes of each side, in turn", Number, 3)
  .option("--steps <n>", "timed steps of a process", Number, 8)
  .option("--threads <n>", "threads of each side", Number, 2)
  .option("--peer <script>", "PyTorch's step as a Python script that prints one JSON line")
  .option("--python <program>", "runs the peer", "python3")
  .option("--provider <name>", "execution provider of onnxruntime", "cpu")
  .option("--no-tune", "take the first form of every gradient")
  .option("--queue <n>", "negative keys", Number, 4096)
  .addOption(new Option("--queue-precision <type>", "of ours").choices(["float32", "float16"]).default("float32"))
  .option("--recompute", "compute activations again for the backward pass")
  .option("--profile", "time by operator and the ten costliest nodes")
  .option("--json", "print JSON only")
  .option("--worker", "print one round of our side; used by this program itself")
  .parse();
const options = program.opts<{
  case?: string;
  rounds: number;
  steps: number;
  threads: number;
  peer?: string;
  python: string;
  provider: string;
  tune: boolean;
  queue: number;
  queuePrecision: QueuePrecision;
  recompute?: boolean;
  profile?: boolean;
  json?: boolean;
  worker?: boolean;
}>();
const names = options.case ? [options.case] : Object.keys(CASES);

if (options.worker || options.profile) {
  for (const name of names) {
    const result = await timeStep(CASES[name]!, options);
    if (options.worker) console.log(JSON.stringify(result));
    else console.log(`${name}\n${result.profile}`);
  }
} else {
  const report: Record<string, { ours: Side; pytorch?: Side; ratio?: number; memoryRatio?: number }> = {};
  for (const name of names) {
    const ours: Side[] = [];
    const theirs: Side[] = [];
    for (let round = 0; round < options.rounds; round++) {
      ours.push(await ourRound(name));
      if (options.peer) theirs.push(await peerRound(name, options.peer));
    }
    const [a, b] = [summary(ours), options.peer ? summary(theirs) : undefined];
    report[name] = {
      ours: a,
      ...(b && { pytorch: b, ratio: rounded(a.median / b.median, 3), memoryRatio: rounded(a.rssMb / b.rssMb, 3) }),
    };
    if (!options.json) console.log(name, report[name]);
  }
  if (options.json) console.log(JSON.stringify(report, null, 2));
}

async function ourRound(name: string): Promise<Side> {
  const { steps, threads, provider, queue, queuePrecision } = options;
  const given = Object.entries({ steps, threads, provider, queue, "queue-precision": queuePrecision }).flatMap(
    ([key, value]) => [`--${key}`, String(value)],
  );
  const flags = [...(options.tune ? [] : ["--no-tune"]), ...(options.recompute ? ["--recompute"] : [])];
  const args = [...process.execArgv, process.argv[1]!, "--worker", "--case", name, ...given, ...flags];
  const { stdout } = await run(process.execPath, args);
  return JSON.parse(stdout.trim().split("\n").at(-1)!);
}

async function peerRound(name: string, script: string): Promise<Side> {
  const { widths, blocks, batch } = CASES[name]!;
  const shape = ["--widths", widths.join(), "--blocks", String(blocks), "--batch", String(batch)];
  const { steps, threads, queue } = options;
  const given = Object.entries({ steps, threads, queue }).flatMap(([key, value]) => [`--${key}`, String(value)]);
  const args = [script, ...shape, ...given];
  const { stdout } = await run(options.python, args);
  const line = JSON.parse(stdout.trim().split("\n").at(-1)!);
  return { median: line.images_per_second_median, best: line.images_per_second_best, rssMb: line.peak_rss_mb };
}

function summary(rounds: readonly Side[]): Side {
  const medians = rounds.map((side) => side.median).sort((a, b) => a - b);
  return {
    median: rounded(medians[medians.length >> 1]!, 1),
    best: rounded(Math.max(...rounds.map((side) => side.best)), 1),
    rssMb: Math.max(...rounds.map((side) => side.rssMb)),
  };
}

function rounded(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}
