// Two sides of a comparison, each in processes of its own, in turn.
import { execFile } from "node:child_process";
import { promisify } from "node:util";

/** What a process of one side says. */
export interface Round {
  readonly imagesPerSecond: number;
  /** Peak resident memory, with that of processes that it started. */
  readonly rssMb: number;
  /** Of the last step. Ours alone, in training. */
  readonly loss?: number;
  /** What it took to read the images for the first time, where they are kept for what is timed. */
  readonly readingSeconds?: number;
  /** Of PyTorch. */
  readonly version?: string;
}

const run = promisify(execFile);

/** What {@link compare} finds. */
export type Comparison = Awaited<ReturnType<typeof compare>>;

/** How {@link compare} plays. */
export interface CompareOptions {
  readonly rounds: number;
  /** Floating-point operations for one image. */
  readonly operations: number;
  /** Measures what this machine computes at most, GFLOP/s, once a round. Each side then has its share of that. */
  readonly peak?: () => Promise<number>;
}

/** Plays all sides in turn, `rounds` times, and puts `ours` beside the fastest of the others, round by round. */
export async function compare(
  players: ReadonlyMap<string, () => Promise<Round>>,
  { rounds: count, operations, peak }: CompareOptions,
) {
  const rounds = new Map([...players.keys()].map((side) => [side, [] as Round[]]));
  const peaks: number[] = [];
  for (let round = 0; round < count; round++) {
    if (peak) peaks.push(await peak());
    for (const [side, play] of players) {
      const played = await play();
      rounds.get(side)!.push(played);
      console.error(`round ${round + 1} of ${count}, ${side}: ${rounded(played.imagesPerSecond, 1)} images/s`);
    }
  }
  const sides = Object.fromEntries([...rounds].map(([side, all]) => [side, summary(all, operations, peaks)]));
  const measured = { ...(peak && { peak: { gflops: middle(peaks, 1), spread: spread(peaks, 1) } }), sides };
  const [fastest] = Object.keys(sides)
    .filter((side) => side !== "ours")
    .sort((a, b) => sides[b]!.median - sides[a]!.median);
  if (!fastest) return measured;
  const ours = rounds.get("ours")!;
  const theirs = rounds.get(fastest)!;
  const ratios = ours.map(({ imagesPerSecond }, i) => imagesPerSecond / theirs[i]!.imagesPerSecond);
  return {
    ...measured,
    fastest,
    ratio: middle(ratios, 3),
    ratios: spread(ratios, 3),
    verdict: ratios.every((ratio) => ratio > 1)
      ? "ahead"
      : ratios.every((ratio) => ratio < 1)
        ? "behind"
        : "no difference larger than the noise of this run",
    memoryRatio: rounded(sides.ours!.rssMb / sides[fastest]!.rssMb, 3),
  };
}

/** Medians of a side, of memory too: a round may tune again, which takes more. */
function summary(rounds: readonly Round[], operations: number, peaks: readonly number[]) {
  const rates = rounds.map(({ imagesPerSecond }) => imagesPerSecond);
  const gflops = rates.map((rate) => (rate * operations) / 1e9);
  const percents = peaks.map((peak, i) => (100 * gflops[i]!) / peak);
  const memory = rounds.map(({ rssMb }) => rssMb);
  const { loss, readingSeconds, version } = rounds[0]!;
  return {
    median: middle(rates, 1),
    spread: spread(rates, 1),
    gflops: middle(gflops, 1),
    ...(peaks.length > 0 && { percentOfPeak: middle(percents, 1), percents: spread(percents, 1) }),
    rssMb: middle(memory, 0),
    ...(loss !== undefined && { loss }),
    ...(readingSeconds !== undefined && { readingSeconds: rounded(readingSeconds, 1) }),
    ...(version && { version }),
  };
}

/** Options of a command line; those that are undefined are left out. */
export function flagsOf(values: Readonly<Record<string, string | number | undefined>>): string[] {
  return Object.entries(values).flatMap(([name, value]) => (value === undefined ? [] : [`--${name}`, String(value)]));
}

/** The last line that a process prints, as JSON. */
export async function answerOf<Answer = Round>(command: string, args: readonly string[]): Promise<Answer> {
  const { stdout } = await run(command, args);
  return JSON.parse(stdout.trim().split("\n").at(-1)!);
}

/** A form of PyTorch, such as channels-last+compile, as switches of the peer. */
export function switchesOf(form: string): string[] {
  return form === "contiguous" ? [] : form.split("+").map((word) => `--${word}`);
}

/** Peak resident memory of this process. */
export function peakMb(): number {
  return Math.floor(process.resourceUsage().maxRSS / 1000);
}

/** The median; the upper one of two. */
export function middle(values: readonly number[], digits: number): number {
  return rounded(values.toSorted((a, b) => a - b)[values.length >> 1]!, digits);
}

/** The least and the most. */
export function spread(values: readonly number[], digits: number): [number, number] {
  return [rounded(Math.min(...values), digits), rounded(Math.max(...values), digits)];
}

function rounded(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}
