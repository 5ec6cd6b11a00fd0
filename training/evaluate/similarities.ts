// Cosine similarities of many queries with many rows, a block of queries at a time.
import { compile, gemm, input } from "../graph/index.ts";

/** Embeddings with labels. */
export interface LabelledEmbeddings {
  /** [N, D], row by row, each row of unit norm. */
  readonly embeddings: Float32Array;
  /** N labels. */
  readonly labels: readonly string[];
}

/** Called for each query in turn: its index and its similarity with each row, [N]; the array is used again afterwards. */
export type VisitQuery = (query: number, similarities: Float32Array) => void;

// Large enough that the matrix product runs at full speed, small enough that a block of similarities is some megabytes.
const BLOCK = 128;

/**
 * Computes the inner product of every query with every row.
 *
 * @param queries [Q, D]
 * @param rows [N, D]
 * @param dimensions D
 */
export async function forEachQuery(
  queries: Float32Array,
  rows: Float32Array,
  dimensions: number,
  visit: VisitQuery,
): Promise<void> {
  const queryCount = queries.length / dimensions;
  const rowCount = rows.length / dimensions;
  if (!Number.isInteger(queryCount) || !Number.isInteger(rowCount)) {
    throw new RangeError(
      `Expected rows of ${dimensions} numbers but received ${queries.length} and ${rows.length} numbers`,
    );
  }
  const product = await compile({
    similarities: gemm(input("queries", [BLOCK, dimensions]), input("rows", [rowCount, dimensions]), { transB: true }),
  });
  try {
    const block = new Float32Array(BLOCK * dimensions); // the last block is filled up with what was there before
    const similarities = new Float32Array(BLOCK * rowCount);
    for (let first = 0; first < queryCount; first += BLOCK) {
      const last = Math.min(first + BLOCK, queryCount);
      block.set(queries.subarray(first * dimensions, last * dimensions));
      await product.run({ queries: block, rows }, { similarities });
      for (let query = first; query < last; query++) {
        visit(query, similarities.subarray((query - first) * rowCount, (query - first + 1) * rowCount));
      }
    }
  } finally {
    await product.release();
  }
}

/**
 * The same for labelled embeddings. Where `database` is the very object `queries`, each query is left out of its own
 * comparison: its similarity with itself is −∞.
 */
export async function compareAll(
  queries: LabelledEmbeddings,
  database: LabelledEmbeddings,
  visit: VisitQuery,
): Promise<void> {
  const leaveOneOut = database === queries;
  if (queries.labels.length === 0 || database.labels.length < (leaveOneOut ? 2 : 1)) {
    throw new RangeError(
      `Expected queries and images to compare them with but received ${queries.labels.length} and ${database.labels.length}`,
    );
  }
  const dimensions = database.embeddings.length / database.labels.length;
  await forEachQuery(queries.embeddings, database.embeddings, dimensions, (query, similarities) => {
    if (leaveOneOut) similarities[query] = Number.NEGATIVE_INFINITY;
    visit(query, similarities);
  });
}
