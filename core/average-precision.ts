/**
 * Average precision of one search: over the relevant results, the share of relevant ones up to there. In 0..1.
 *
 * @param ranks Places of the relevant results, from 0, ascending; at least one.
 */
export function averagePrecision(ranks: readonly number[]): number {
  return ranks.reduce((sum, rank, before) => sum + (before + 1) / (rank + 1), 0) / ranks.length;
}
