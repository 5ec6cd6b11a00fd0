// Does the tuner choose as well every time? A case is tuned again and again, in quiet and beside busy programs, each
// time into a fresh file; then the steps of all the choices that came out run in turn.
//
//   npm run bench:tuner -- --json [--case small-stride-2] [--tunings 10] [--threads 2] [--rounds 25]
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Command } from "commander";
import { median, medianBounds, ratiosToFastest } from "../training/graph/engine/paired-timing.ts";
import type { Choices } from "../training/graph/engine/tune.ts";
import { CASES, compileCase, tuned } from "./training-step.ts";

const program = new Command("bench:tuner")
  .option("--case <name>", `one of ${Object.keys(CASES).join(", ")}`, "small-stride-2")
  .option("--tunings <n>", "in quiet, and as many under load", Number, 10)
  .option("--rounds <n>", "timed steps of each set of choices, in turn", Number, 25)
  .option("--threads <n>", "threads of a step", Number, 2)
  .option("--json", "print JSON only")
  .parse();
const options = program.opts<{ case: string; tunings: number; rounds: number; threads: number; json?: true }>();
const what = CASES[options.case]!;
const step = { threads: options.threads, provider: "cpu", queue: 4096, queuePrecision: "float32" } as const;

/** Busy programs of the load. */
const BUSY = 2;

/** Computes and sleeps in turn, so that some runs meet the load and others do not. Ends with its parent at the latest. */
const LOAD = `
  const clock = new Int32Array(new SharedArrayBuffer(4));
  const parent = process.ppid;
  while (process.ppid === parent) {
    const end = Date.now() + 300 * Math.random();
    while (Date.now() < end);
    Atomics.wait(clock, 0, 0, 100 * Math.random());
  }`;

interface Tuning {
  readonly seconds: number;
  readonly forms: Choices;
}

/** Tunes the case into a file that is not there yet. */
async function tune(file: string): Promise<Tuning> {
  const began = performance.now();
  const forms = await tuned(what, step, file);
  return { seconds: (performance.now() - began) / 1000, forms };
}

async function underLoad<T>(work: () => Promise<T>): Promise<T> {
  const programs: ChildProcess[] = [];
  try {
    for (let i = 0; i < BUSY; i++) programs.push(spawn(process.execPath, ["-e", LOAD], { stdio: "ignore" }));
    return await work();
  } finally {
    for (const program of programs) program.kill("SIGKILL");
  }
}

/** Milliseconds of the steps of each of `sets` by round; the first round is not counted. */
async function stepTimes(sets: readonly Choices[]): Promise<number[][]> {
  const steps = [];
  for (const forms of sets) steps.push(await compileCase(what, step, { forms }));
  const times = sets.map((): number[] => []);
  for (let round = 0; round <= options.rounds; round++) {
    for (const [turn] of steps.entries()) {
      const i = (round + turn) % steps.length;
      const began = performance.now();
      await steps[i]!.run();
      if (round > 0) times[i]!.push(performance.now() - began);
    }
  }
  for (const { release } of steps) await release();
  return times;
}

const folder = await mkdtemp(join(tmpdir(), "bench-tuner-"));
const tunings: Record<"quiet" | "load", Tuning[]> = { quiet: [], load: [] };
for (let i = 0; i < options.tunings; i++) {
  tunings.quiet.push(await tune(join(folder, `quiet-${i}.json`)));
  tunings.load.push(await underLoad(() => tune(join(folder, `load-${i}.json`))));
  if (!options.json) console.log(`${i + 1} of ${options.tunings}`);
}
await rm(folder, { recursive: true });

const all = [...tunings.quiet, ...tunings.load].map(({ forms }) => forms);
const names = [...new Set(all.map((forms) => JSON.stringify(forms)))];
const sets: Choices[] = names.map((name) => JSON.parse(name));
// One set once more: what its two steps differ by is what memory and chance make of a difference.
const times = await stepTimes([...sets, sets[0]!]);
const twin = median(times.at(-1)!.map((time, round) => time / times[0]![round]!));
const ratios = ratiosToFastest(times.slice(0, -1));
const rounded = (value: number) => Number(value.toFixed(3));
const setOf = ({ forms }: Tuning) => names.indexOf(JSON.stringify(forms));

/** Of these tunings, in their order: seconds, which set of choices came out, and how much longer its step takes. */
function summary(of: readonly Tuning[]) {
  const slower = of.map((tuning) => rounded(median(ratios[setOf(tuning)]!)));
  return {
    seconds: of.map(({ seconds }) => rounded(seconds)),
    sets: of.map(setOf),
    toBest: slower,
    worst: Math.max(...slower),
  };
}

/** What tunings do not agree about: form → how many took it. */
function disagreements(): Record<string, Record<string, number>> {
  const counts: Record<string, Record<string, number>> = {};
  for (const key of Object.keys(all[0]!)) {
    const taken: Record<string, number> = {};
    for (const forms of all) taken[forms[key]!] = (taken[forms[key]!] ?? 0) + 1;
    if (Object.keys(taken).length > 1) counts[key] = taken;
  }
  return counts;
}

const report = {
  case: options.case,
  threads: options.threads,
  sets: ratios.map((of, i) => ({
    milliseconds: rounded(median(times[i]!)),
    toBest: rounded(median(of)),
    bounds: medianBounds(of).map(rounded),
  })),
  quiet: summary(tunings.quiet),
  load: summary(tunings.load),
  sameSetTwice: rounded(twin),
  disagreements: disagreements(),
};
console.log(options.json ? JSON.stringify(report, null, 2) : report);
