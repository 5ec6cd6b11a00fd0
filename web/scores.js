// What a score means. Each model spreads its scores differently, so a threshold is only worth something beside what the
// model gives to pairs that are alike and to pairs that are not.

/**
 * @typedef {object} Calibration
 * @property {number} low Where the slider begins.
 * @property {number} suggested The threshold that tells alike from different best.
 * @property {{ score: number, label: string }[]} marks What else is worth showing on the scale.
 * @property {string} source Where this comes from, for people.
 */

/**
 * Calibrates a scale that ends at 1.
 *
 * @param {{ positive: { mean: number, std: number }, random: { mean: number, std: number } } | undefined} statistics
 *   Of the model's card.
 * @param {number[]} scores That a search returned; used where nothing else is known.
 * @param {number} [threshold] Of the generation, measured on what is stored: the server's.
 * @returns {Calibration}
 */
export function calibrate(statistics, scores, threshold) {
  const lowest = Math.min(1, ...scores);
  const measured = threshold !== undefined && {
    suggested: threshold,
    source:
      "Measured on this collection: half of its images have ten others that score as much as suggested, and of pairs taken at random at most one in a hundred does.",
  };
  if (statistics) {
    const { positive, random } = statistics;
    // As many standard deviations below the one mean as above the other.
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
      ...measured,
    };
  }
  return {
    low: Math.max(-1, lowest),
    suggested: otsu(scores),
    marks: [],
    source: "Estimated from these matches: the model's card has no score statistics.",
    ...measured,
  };
}

/**
 * The score that splits a list into two groups that are each as even as possible (Otsu, 1979).
 *
 * @param {number[]} scores
 */
export function otsu(scores) {
  const sorted = [...scores].sort((a, b) => a - b);
  const total = sorted.reduce((sum, score) => sum + score, 0);
  let below = 0;
  let best = { between: -1, score: sorted[0] ?? 0 };
  for (let i = 1; i < sorted.length; i++) {
    below += sorted[i - 1];
    const difference = below / i - (total - below) / (sorted.length - i);
    const between = i * (sorted.length - i) * difference ** 2;
    if (between > best.between) best = { between, score: sorted[i] };
  }
  return best.score;
}

/**
 * Counts scores in bins of equal width between `low` and 1.
 *
 * @param {number[]} scores
 * @returns {number[]}
 */
export function histogram(scores, low, bins) {
  const counts = Array(bins).fill(0);
  for (const score of scores) {
    const bin = Math.floor(((score - low) / (1 - low || 1)) * bins);
    counts[Math.max(0, Math.min(bins - 1, bin))]++;
  }
  return counts;
}

/** Three digits, as scores of close matches differ late; never "1.000" for what is not the same. */
export function formatScore(score) {
  const shown = score < 0.99995 ? Math.min(score, 0.999) : 1;
  return shown.toFixed(3).replace("-", "−");
}
