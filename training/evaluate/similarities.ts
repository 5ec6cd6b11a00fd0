// Cosine similarities of many queries with many rows, a block of queries at a time.
import { compile, gemm, input } from "../graph/index.ts";

/** Embeddings with labels. */
export interface LabelledEmbeddings {
  /** [N, D], row by row, each row of unit norm. */
  readonly embeddings: Float32Array;
  /** N labels. */
  readonly labels: readonly string[];
}

/**
 * Called for each query in turn: its index and its similarity with each row, [N]; the array is overwritten afterwards.
 */
export type VisitQuery = (query: number, similarities: Float32Array) => void;

// Large enough that the matrix product runs at full speed, small enough that a block of similarities is some megabytes.
const BLOCK = 128;

/**
 * Compares every query with every image of the database, by cosine similarity. Where `database` is the very object
 * `queries`, each query is left out of its own comparison: its similarity with itself is −∞.
 */
export async function compareAll(
  queries: LabelledEmbeddings,
  database: LabelledEmbeddings,
  visit: VisitQuery,
): Promise<void> {
  const leaveOneOut = database === queries;
  const queryCount = queries.labels.length;
  const count = database.labels.length;
  if (queryCount === 0 || count < (leaveOneOut ? 2 : 1)) {
    throw new RangeError(`Expected queries and images to compare them with but received ${queryCount} and ${count}`);
  }
  const dimensions = database.embeddings.length / count;
  if (!Number.isInteger(dimensions) || queries.embeddings.length !== queryCount * dimensions) {
    throw new RangeError(
      `Expected ${queryCount} queries of ${dimensions} numbers but received ${queries.embeddings.length} numbers`,
    );
  }
  const product = await compile({
    similarities: gemm(input("queries", [BLOCK, dimensions]), input("rows", [count, dimensions]), { transB: true }),
  });
  try {
    const block = new Float32Array(BLOCK * dimensions); // rows beyond the last query are ignored
    const similarities = new Float32Array(BLOCK * count);
    for (let first = 0; first < queryCount; first += BLOCK) {
      const last = Math.min(first + BLOCK, queryCount);
      block.set(queries.embeddings.subarray(first * dimensions, last * dimensions));
      await product.run({ queries: block, rows: database.embeddings }, { similarities });
      for (let query = first; query < last; query++) {
        const row = similarities.subarray((query - first) * count, (query - first + 1) * count);
        if (leaveOneOut) row[query] = Number.NEGATIVE_INFINITY;
        visit(query, row);
      }
    }
  } finally {
    await product.release();
  }
}
