// Spaces compared by the distribution of what their networks reach, not by their best, which is a matter of how many
// were tried.
import { DESIGN_SPACES, type DesignSpaceName } from "./spaces.ts";

/** A network that was trained, with what it is judged by. */
export interface Judged {
  readonly space: DesignSpaceName;
  /** Label-free: the share of keys that are found with running statistics, 0..1. */
  readonly evaluationAccuracy: number;
  readonly knn: number | undefined;
}

/** What is known of a space. */
export interface SpaceSummary {
  readonly space: DesignSpaceName;
  readonly networks: number;
  readonly best: number;
  readonly median: number;
  readonly worst: number;
  /** Share of pairs, one network of this space and one of the first, in which this one is better. */
  readonly winsAgainstFirst: number;
  /** Whether that share is further from a half than chance explains (Mann–Whitney U, normal approximation, 5 %). */
  readonly isClear: boolean;
}

/** The spaces of some networks, in their usual order. */
export function summarize(networks: readonly Judged[]): SpaceSummary[] {
  const scores = new Map<DesignSpaceName, number[]>();
  for (const space of DESIGN_SPACES) {
    const own = networks.filter((network) => network.space === space).map((network) => network.evaluationAccuracy);
    if (own.length > 0)
      scores.set(
        space,
        own.sort((a, b) => a - b),
      );
  }
  const [first = []] = scores.values();
  return [...scores].map(([space, own]) => ({
    ...{ space, networks: own.length, best: own.at(-1)!, worst: own[0]! },
    median: (own[(own.length - 1) >> 1]! + own[own.length >> 1]!) / 2,
    ...against(own, first),
  }));
}

/** Mann and Whitney's comparison of two samples. */
function against(own: readonly number[], other: readonly number[]) {
  const pairs = own.length * other.length;
  const won = own
    .flatMap((a) => other.map((b) => (a > b ? 1 : a === b ? 0.5 : 0) as number))
    .reduce((a, b) => a + b, 0);
  const deviation = Math.sqrt((pairs * (own.length + other.length + 1)) / 12);
  return { winsAgainstFirst: won / pairs, isClear: Math.abs(won - pairs / 2) > 1.96 * deviation };
}

/**
 * The empirical distribution of errors, as in RegNet's figures: at each error the share of networks that are below it.
 * An error is the share of keys that are not found.
 */
export function errorDistribution(scores: readonly number[]): Array<{ x: number; y: number }> {
  const errors = scores.map((score) => 1 - score).sort((a, b) => a - b);
  return errors.flatMap((x, i) => [
    { x, y: i / errors.length },
    { x, y: (i + 1) / errors.length },
  ]);
}

/** Spearman's rank correlation, −1..1; equal values share the mean of their ranks. NaN where all values of a list are equal. */
export function rankCorrelation(a: readonly number[], b: readonly number[]): number {
  const [x, y] = [ranks(a), ranks(b)];
  const middle = (a.length - 1) / 2;
  const sum = (of: (i: number) => number) => x.reduce((total, _, i) => total + of(i), 0);
  const together = sum((i) => (x[i]! - middle) * (y[i]! - middle));
  return together / Math.sqrt(sum((i) => (x[i]! - middle) ** 2) * sum((i) => (y[i]! - middle) ** 2));
}

const ranks = (values: readonly number[]) =>
  values.map((value) => {
    const below = values.filter((other) => other < value).length;
    const equal = values.filter((other) => other === value).length;
    return below + (equal - 1) / 2;
  });

/** The best network of the space whose median is the best. */
export function propose<T extends Judged>(networks: readonly T[]): T {
  const best = summarize(networks).reduce((a, b) => (b.median > a.median ? b : a));
  const own = networks.filter(({ space }) => space === best.space);
  return own.reduce((a, b) => (b.evaluationAccuracy > a.evaluationAccuracy ? b : a));
}
