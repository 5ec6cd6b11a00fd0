/**
 * Average precision of one search, 0..1: the mean of the precision at the rank of each relevant result.
 *
 * @param ranks Ranks of the relevant results, from 0, ascending; at least one.
 */
export function averagePrecision(ranks: readonly number[]): number {
  return ranks.reduce((sum, rank, before) => sum + (before + 1) / (rank + 1), 0) / ranks.length;
}
