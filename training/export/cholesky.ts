// The triangular factor of a covariance, inverted: features multiplied by it vary alike in all directions. Loops of our
// own: ml-matrix's take 12 seconds for 1,000 features and eight times as long for 2,000.

/** Rows or columns that are computed together. */
const PANEL = 32;

/**
 * L⁻¹ of a positive definite matrix L Lᵀ.
 *
 * @param matrix [F, F], row by row.
 * @returns [F, F], row by row, zeros above the diagonal.
 */
export function inverseCholesky(matrix: Float32Array, F: number): Float32Array {
  const lower = Array.from({ length: F }, (_, i) => new Float64Array(i + 1));
  for (const rows of panels(F)) {
    for (let j = 0; j < F; j++) {
      const above = lower[j]!;
      for (const i of rows) {
        if (i < j) continue;
        const rest = matrix[i * F + j]! - dot(lower[i]!, above, 0, j);
        if (i === j && !(rest > 0)) throw new RangeError(`inverseCholesky: [${F}, ${F}] is not positive definite`);
        lower[i]![j] = i === j ? Math.sqrt(rest) : rest / above[j]!;
      }
    }
  }
  const inverse = new Float32Array(F * F);
  for (const columns of panels(F)) {
    const values = columns.map(() => new Float64Array(F));
    for (let i = columns[0]!; i < F; i++) {
      const row = lower[i]!;
      for (const [c, j] of columns.entries()) {
        if (i < j) continue;
        const column = values[c]!;
        column[i] = ((i === j ? 1 : 0) - dot(row, column, j, i)) / row[i]!;
        inverse[i * F + j] = column[i]!;
      }
    }
  }
  return inverse;
}

/** 0..F−1 in groups: each row of a matrix is fetched from memory once for a group. */
function panels(F: number): number[][] {
  const firsts = Array.from({ length: Math.ceil(F / PANEL) }, (_, group) => group * PANEL);
  return firsts.map((first) => Array.from({ length: Math.min(PANEL, F - first) }, (_, i) => first + i));
}

/** The dot product of the values at `from`..`to`, in four sums: one alone would wait for every addition. */
function dot(a: Float64Array, b: Float64Array, from: number, to: number): number {
  let s0 = 0;
  let s1 = 0;
  let s2 = 0;
  let s3 = 0;
  let i = from;
  for (; i + 3 < to; i += 4) {
    s0 += a[i]! * b[i]!;
    s1 += a[i + 1]! * b[i + 1]!;
    s2 += a[i + 2]! * b[i + 2]!;
    s3 += a[i + 3]! * b[i + 3]!;
  }
  for (; i < to; i++) s0 += a[i]! * b[i]!;
  return s0 + s1 + s2 + s3;
}
