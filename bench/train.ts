// Training speed beside PyTorch's on the same machine: images per second and peak memory of one MoCo step, and how much
// each side computes of what the machine does at most, its peak in matrix products.
//
//   npm run bench:train -- --python python3 [--json] [--rounds 7]     ours and PyTorch in each of its forms, in turn
//   npm run bench:train -- --profile                                where our time goes
import { join } from "node:path";
import { Command, Option } from "commander";
import { packageRoot } from "../core/paths.ts";
import type { QueuePrecision } from "../training/moco/queue.ts";
import { answerOf, type Comparison, compare, flagsOf, type Round, switchesOf } from "./sides.ts";
import { CASES, operationsOf, timeStep } from "./training-step.ts";

const program = new Command("bench:train")
  .option("--case <name>", `one of ${Object.keys(CASES).join(", ")}; all where not given`)
  .option("--rounds <n>", "processes of each side, in turn", Number, 7)
  .option("--steps <n>", "timed steps of a process", Number, 8)
  .option("--threads <n>", "threads of each side", Number, 2)
  .option("--batch <n>", "images of a step; the case's own where not given", Number)
  .option("--python <program>", "a Python that has PyTorch: the peer")
  .option("--forms <names>", "of PyTorch, such as channels-last+compile", "contiguous,channels-last")
  .option("--peer-device <name>", "of PyTorch: cpu or cuda", "cpu")
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
  batch?: number;
  python?: string;
  forms: string;
  peerDevice: string;
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
const caseOf = (name: string) => ({ ...CASES[name]!, ...(options.batch && { batch: options.batch }) });

if (options.worker || options.profile) {
  for (const name of names) {
    const result = await timeStep(caseOf(name), options);
    if (options.worker) console.log(JSON.stringify(result));
    else console.log(`${name}\n${result.profile}`);
  }
} else {
  const report: Record<string, Comparison> = {};
  for (const name of names) {
    const sides = new Map<string, () => Promise<Round>>([["ours", () => ourRound(name)]]);
    if (options.python) {
      for (const form of options.forms.split(",")) sides.set(form, () => peerRound(options.python!, name, form));
    }
    await ourRound(name); // times forms where none are known: in a process whose memory does not count
    report[name] = await compare(sides, {
      rounds: options.rounds,
      operations: operationsOf(caseOf(name)),
      peak: gemmPeak,
    });
    if (!options.json) console.dir({ [name]: report[name] }, { depth: null });
  }
  if (options.json) console.log(JSON.stringify(report, null, 2));
}

async function ourRound(name: string): Promise<Round> {
  const { steps, threads, batch, provider, queue, queuePrecision } = options;
  const flags = [
    ...flagsOf({ steps, threads, batch, provider, queue, "queue-precision": queuePrecision }),
    ...(options.tune ? [] : ["--no-tune"]),
    ...(options.recompute ? ["--recompute"] : []),
  ];
  return answerOf(process.execPath, [...process.execArgv, process.argv[1]!, "--worker", "--case", name, ...flags]);
}

async function gemmPeak(): Promise<number> {
  const { threads, provider } = options;
  const script = join(packageRoot(), "build/bench/gemm-peak.js");
  return answerOf(process.execPath, [...process.execArgv, script, ...flagsOf({ threads, provider })]);
}

async function peerRound(python: string, name: string, form: string): Promise<Round> {
  const { batch, side, peer } = caseOf(name);
  const { steps, threads, queue, peerDevice: device } = options;
  return answerOf(python, [
    join(packageRoot(), "bench/pytorch_step.py"),
    ...flagsOf({ ...peer, batch, side, steps, threads, queue, device }),
    ...switchesOf(form),
  ]);
}
