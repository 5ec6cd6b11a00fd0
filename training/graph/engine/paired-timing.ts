// Which of several candidates is fastest on a machine that does other things too. They run in rounds, and only times of
// the same round are compared: what slows one mostly slows its neighbours too, and medians leave out the rest.

/** The least difference that matters, as a part of the shorter time. */
export const MARGIN = 0.02;

/** How likely each bound of {@link medianBounds} is wrong. */
const ERROR = 0.01;

/** Rounds until something can be clear: fewer might all err to the same side. */
export const LEAST_ROUNDS = Math.ceil(-Math.log2(ERROR));

/** Rounds of a race: after them medians decide what is not clear. */
const MOST_ROUNDS = 25;

/** One that takes more than {@link HOPELESS} times as long as the fastest in each of these first rounds runs no more. */
const FIRST_ROUNDS = 3;
const HOPELESS = 2;

/** What part of the shortest time a candidate may take longer without its mattering. */
export type MarginOf<T> = (candidate: T) => number;

/** When a race ends, and what is known before it. */
export interface RaceOptions<T> {
  /** At most. @default 25 */
  readonly rounds?: number;
  /** Times of each candidate in an earlier race, as {@link Finalist} has them: they count too. @default none */
  readonly earlier?: ReadonlyArray<readonly number[]>;
  /** @default {@link MARGIN} for each */
  readonly marginOf?: MarginOf<T>;
}

/** A candidate that no other is clearly faster than. */
export interface Finalist<T> {
  readonly candidate: T;
  /** Its time as a multiple of the fastest one's: the median over the rounds. */
  readonly ratio: number;
  /** Milliseconds of each round. */
  readonly times: readonly number[];
}

/**
 * Runs candidates in rounds. One that is clearly slower than the fastest, by more than the margin, runs no more. Ends
 * when one is left, when all that are left are clearly within the margin, or after `rounds`.
 *
 * @param time Runs a candidate and returns the milliseconds that it took.
 * @returns Those that are left, in the order of `candidates`.
 */
export async function race<T>(
  candidates: readonly T[],
  time: (candidate: T) => Promise<number>,
  { rounds = MOST_ROUNDS, marginOf = () => MARGIN, earlier }: RaceOptions<T> = {},
): Promise<Finalist<T>[]> {
  for (const candidate of candidates) await time(candidate); // a first run also allocates its memory
  let left = candidates.map((candidate, i) => ({
    candidate,
    times: [...(earlier?.[i] ?? [])],
    ratios: [] as number[],
  }));
  for (let round = 0; round < rounds; round++) {
    for (const [i] of left.entries()) {
      const { candidate, times } = left[(round + i) % left.length]!; // each comes first in turn: caches tell
      times.push(await time(candidate));
    }
    for (const [i, ratios] of ratiosToFastest(left.map(({ times }) => times)).entries()) left[i]!.ratios = ratios;
    left = left.filter(({ candidate, ratios }) => !isSlower(ratios, marginOf(candidate)));
    if (isClear(left, marginOf)) break;
  }
  return left.map(({ candidate, times, ratios }) => ({ candidate, times, ratio: median(ratios) }));
}

/** Whether one is left, or all that are left are clearly within their margins. */
export function isClear<T>(
  left: ReadonlyArray<Pick<Finalist<T>, "candidate" | "times">>,
  marginOf: MarginOf<T>,
): boolean {
  const ratios = ratiosToFastest(left.map(({ times }) => times));
  return left.length <= 1 || left.every(({ candidate }, i) => medianBounds(ratios[i]!)[1] <= 1 + marginOf(candidate));
}

/** Whether ratios to the fastest's times show that something is slower, by more than the margin. */
function isSlower(ratios: readonly number[], margin: number): boolean {
  if (ratios.length >= FIRST_ROUNDS && Math.min(...ratios) > Math.max(HOPELESS, 1 + margin)) return true;
  return medianBounds(ratios)[0] > 1 + margin;
}

/** Times of several candidates by round → ratios, round by round, to the times of the one that is mostly fastest. */
export function ratiosToFastest(times: ReadonlyArray<readonly number[]>): number[][] {
  const ratiosTo = (row: readonly number[]) => times.map((of) => of.map((time, round) => time / row[round]!));
  const medians = ratiosTo(times[0] ?? []).map(median);
  return ratiosTo(times[medians.indexOf(Math.min(...medians))] ?? []);
}

/**
 * Bounds of the median of what `values` are drawn from, whatever its distribution: each is wrong in one of a hundred
 * cases. They are order statistics, as in a sign test; of fewer than {@link LEAST_ROUNDS} values 0 and infinity.
 */
export function medianBounds(values: readonly number[]): [number, number] {
  const sorted = values.toSorted((a, b) => a - b);
  const { length } = values;
  // At most `outside` values lie below the median with the probability that as many coins of `length` show heads.
  let outside = -1;
  let coins = 2 ** -length;
  for (let sum = coins; sum <= ERROR; sum += coins) {
    outside++;
    coins *= (length - outside) / (outside + 1);
  }
  return [sorted[outside] ?? 0, sorted[length - 1 - outside] ?? Number.POSITIVE_INFINITY];
}

/** The value in the middle, or the mean of both. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return (sorted[(sorted.length - 1) >> 1]! + sorted[sorted.length >> 1]!) / 2;
}
