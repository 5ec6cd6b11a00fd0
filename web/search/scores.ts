// What a score means. Each model spreads its scores differently, so a threshold only makes sense next to the scores
// that the model gives to similar and to different pairs.
import type { ModelList } from "../../client/index.ts";

type Statistics = NonNullable<ModelList["active"]>["card"]["scores"];

/** A scale that ends at 1. */
export interface Calibration {
  /** Low end of the slider. */
  readonly low: number;
  /** The threshold that separates similar from different images best. */
  readonly suggested: number;
  /** Other scores to show. */
  readonly marks: ReadonlyArray<{ readonly score: number; readonly label: string }>;
  /** Where this comes from, as text for the user. */
  readonly source: string;
}

/**
 * Calibrates a scale.
 *
 * @param statistics From the model's card.
 * @param scores That a search returned; used if nothing else is known, as for a part of an image.
 * @param threshold Threshold of the generation, which the server measured on the stored images.
 */
export function calibrate(
  statistics: Statistics | undefined,
  scores: readonly number[],
  threshold?: number | undefined,
): Calibration {
  const lowest = Math.min(1, ...scores);
  if (threshold !== undefined) {
    return {
      // The threshold lies in the middle, unless a match is farther below it than 1 is above.
      low: Math.max(-1, Math.min(lowest, 2 * threshold - 1)),
      suggested: threshold,
      marks: [], // what the card says was measured on other images
      source:
        "Measured on this collection: half of its images have ten others that score as much as suggested, and of pairs taken at random at most one in a hundred does.",
    };
  }
  if (statistics) {
    const { positive, random } = statistics;
    // As many standard deviations below the mean of similar pairs as above that of different ones.
    const between =
      (random.mean * positive.std + positive.mean * random.std) / (positive.std + random.std || 1) || positive.mean;
    return {
      low: Math.max(-1, Math.min(lowest, random.mean)),
      suggested: between,
      marks: [
        { score: random.mean, label: "two different images" },
        { score: positive.mean, label: "two views of one image" },
      ],
      source: "Measured when the model was trained.",
    };
  }
  return {
    low: Math.max(-1, lowest),
    suggested: otsu(scores),
    marks: [],
    source: "Estimated from these matches.",
  };
}

/** The score that splits a list into two groups with the largest variance between them (Otsu, 1979). */
export function otsu(scores: readonly number[]): number {
  const sorted = [...scores].sort((a, b) => a - b);
  const total = sorted.reduce((sum, score) => sum + score, 0);
  let below = 0;
  let best = { between: -1, score: sorted[0] ?? 0 };
  for (let i = 1; i < sorted.length; i++) {
    below += sorted[i - 1]!;
    const difference = below / i - (total - below) / (sorted.length - i);
    const between = i * (sorted.length - i) * difference ** 2;
    if (between > best.between) best = { between, score: sorted[i]! };
  }
  return best.score;
}

/** Counts scores in bins of equal width between `low` and 1. */
export function histogram(scores: readonly number[], low: number, bins: number): number[] {
  const counts = Array<number>(bins).fill(0);
  for (const score of scores) {
    const bin = Math.floor(((score - low) / (1 - low || 1)) * bins);
    counts[Math.max(0, Math.min(bins - 1, bin))]!++;
  }
  return counts;
}
