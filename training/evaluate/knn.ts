// The kNN monitor: does an image's neighbourhood agree with its label?
// Wu et al., "Unsupervised Feature Learning via Non-Parametric Instance Discrimination" (CVPR 2018, arXiv 1805.01978),
// section 3.4; the monitor of the MoCo authors' CIFAR demo.
import { largest } from "../../core/vector.ts";
import { compareAll, type LabelledEmbeddings } from "./similarities.ts";

/** Options of {@link knn}. */
export interface KnnOptions {
  /** Neighbours that vote. @default 200 */
  readonly k?: number;
  /** A neighbour's vote weighs exp(similarity / temperature). @default 0.1 */
  readonly temperature?: number;
}

/**
 * Classifies each query by its `k` nearest neighbours in `database`.
 *
 * @param database Labelled images to find neighbours in. Where left out, the queries themselves, each without itself.
 * @returns `top1`: share of queries whose label was found, 0..1.
 */
export async function knn(
  queries: LabelledEmbeddings,
  database: LabelledEmbeddings = queries,
  { k = 200, temperature = 0.1 }: KnnOptions = {},
): Promise<{ top1: number }> {
  const others = database.labels.length - (database === queries ? 1 : 0);
  let correct = 0;
  await compareAll(queries, database, (query, similarities) => {
    const votes = new Map<string, number>();
    for (const { index, score } of largest(similarities, Math.min(k, others))) {
      const label = database.labels[index]!;
      votes.set(label, (votes.get(label) ?? 0) + Math.exp(score / temperature));
    }
    const [winner] = [...votes].reduce((best, vote) => (vote[1] > best[1] ? vote : best));
    if (winner === queries.labels[query]) correct++;
  });
  return { top1: correct / queries.labels.length };
}
