// Two sides of a comparison, each in processes of its own, in turn.
import { execFile } from "node:child_process";
import { promisify } from "node:util";

/** What a process of one side says. */
export interface Round {
  /** Images per second, median over what it timed. */
  readonly median: number;
  /** Peak resident memory of the process. */
  readonly rssMb: number;
  /** Of the last step. Ours alone, in training. */
  readonly loss?: number;
  /** Of PyTorch. */
  readonly version?: string;
}

const run = promisify(execFile);

/** What {@link compare} finds. */
export type Comparison = Awaited<ReturnType<typeof compare>>;

/**
 * Plays all sides in turn, `rounds` times, and puts `ours` beside the fastest of the others, round by round.
 *
 * @param operations Floating-point operations for one image.
 */
export async function compare(
  players: ReadonlyMap<string, () => Promise<Round>>,
  { rounds: count, operations }: { readonly rounds: number; readonly operations: number },
) {
  const rounds = new Map([...players.keys()].map((side) => [side, [] as Round[]]));
  for (let round = 0; round < count; round++) {
    for (const [side, play] of players) rounds.get(side)!.push(await play());
  }
  const sides = Object.fromEntries([...rounds].map(([side, all]) => [side, summary(all, operations)]));
  const [fastest] = Object.keys(sides)
    .filter((side) => side !== "ours")
    .sort((a, b) => sides[b]!.median - sides[a]!.median);
  if (!fastest) return { sides };
  const ours = rounds.get("ours")!;
  const theirs = rounds.get(fastest)!;
  const ratios = ours.map(({ median }, i) => median / theirs[i]!.median).sort((a, b) => a - b);
  const [least, most] = [ratios[0]!, ratios.at(-1)!];
  return {
    sides,
    fastest,
    ratio: rounded(middle(ratios), 3),
    ratios: [rounded(least, 3), rounded(most, 3)],
    verdict: least > 1 ? "ahead" : most < 1 ? "behind" : "no difference larger than the noise of this run",
    memoryRatio: rounded(sides.ours!.rssMb / sides[fastest]!.rssMb, 3),
  };
}

function summary(rounds: readonly Round[], operations: number) {
  const medians = rounds.map(({ median }) => median).sort((a, b) => a - b);
  const median = middle(medians);
  const { loss, version } = rounds[0]!;
  return {
    median: rounded(median, 1),
    spread: [rounded(medians[0]!, 1), rounded(medians.at(-1)!, 1)],
    gflops: rounded((median * operations) / 1e9, 1),
    rssMb: Math.max(...rounds.map(({ rssMb }) => rssMb)),
    ...(loss !== undefined && { loss }),
    ...(version && { version }),
  };
}

/** Options of a command line; those that are undefined are left out. */
export function flagsOf(values: Readonly<Record<string, string | number | undefined>>): string[] {
  return Object.entries(values).flatMap(([name, value]) => (value === undefined ? [] : [`--${name}`, String(value)]));
}

/** The last line that a process prints, as JSON. */
export async function answerOf(command: string, args: readonly string[]): Promise<Round> {
  const { stdout } = await run(command, args);
  return JSON.parse(stdout.trim().split("\n").at(-1)!);
}

/** A form of PyTorch, such as channels-last+compile, as switches of the peer. */
export function switchesOf(form: string): string[] {
  return form === "contiguous" ? [] : form.split("+").map((word) => `--${word}`);
}

function middle(sorted: readonly number[]): number {
  return sorted[sorted.length >> 1]!;
}

function rounded(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}
