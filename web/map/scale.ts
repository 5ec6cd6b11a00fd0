// Colours by score: the more similar, the stronger.
/** Steps of the scale; number 0 is for points without a score. */
const STEPS = 9;
export const SCORE_SCHEME: readonly string[] = ["faint", ...Array.from({ length: STEPS }, (_, i) => `score-${i}`)];

export interface Scale {
  /** Scores at its ends. */
  readonly least: number;
  readonly most: number;
  /** Number of a score's colour. */
  colourOf(score: number | undefined): number;
}

/** A scale over scores in equal steps. The query itself, whose score is 1, would leave no colours to the others. */
export function scaleOf(scores: readonly number[]): Scale {
  const others = scores.filter((score) => score < 0.9999);
  const least = Math.min(...(others.length > 0 ? others : [0]));
  const most = Math.max(...(others.length > 0 ? others : [1]));
  return {
    least,
    most,
    colourOf(score) {
      if (score === undefined) return 0;
      const step = Math.floor(((score - least) / (most - least || 1)) * STEPS);
      return 1 + Math.max(0, Math.min(STEPS - 1, step));
    },
  };
}
