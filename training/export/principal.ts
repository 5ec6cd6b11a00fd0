// The directions in which features vary most, by subspace iteration (Halko, Martinsson and Tropp, "Finding structure
// with randomness", SIAM Review 2011): of thousands of features only some hundred directions are wanted.
import { EigenvalueDecomposition, Matrix } from "ml-matrix";
import { createRandom } from "../data/random.ts";
import { compile, input, matmul, transpose } from "../graph/index.ts";

/** Principal directions, that of the largest variance first. */
export interface PrincipalDirections {
  /** [D] */
  readonly variances: Float64Array;
  /** [D, F], row by row, each of unit norm. */
  readonly directions: Float32Array;
}

/** Directions beyond those wanted: the last wanted ones become exact sooner. */
const SPARE = 16;
/** Each turns the subspace further towards the directions of large variance. */
const ITERATIONS = 6;

/**
 * Finds the first D principal directions of centred features [N, F], row by row.
 *
 * @param D At most F.
 * @param threads Of the engine. 0: every core.
 */
export async function principalDirections(
  features: Float32Array,
  F: number,
  D: number,
  threads: number,
): Promise<PrincipalDirections> {
  const N = features.length / F;
  const L = Math.min(F, D + SPARE);
  const x = input("x", [N, F]);
  const through = matmul(matmul(input("subspace", [L, F]), transpose(x, [1, 0])), x);
  const graph = await compile({ through }, { threads });
  /** The subspace [L, F] through the covariance. */
  const spread = async (subspace: Float32Array) => {
    const out = (await graph.run({ x: features, subspace })).through as Float32Array;
    return out.map((v) => v / N);
  };
  const random = createRandom(1);
  let subspace = orthonormal(
    Float32Array.from({ length: L * F }, () => random.normal()),
    F,
  );
  let image = await spread(subspace);
  for (let i = 1; i < ITERATIONS; i++) {
    subspace = orthonormal(image, F);
    image = await spread(subspace);
  }
  await graph.release();

  // Inside the subspace the covariance is a small matrix, whose directions are exact.
  const q = Matrix.from1DArray(L, F, subspace);
  const inside = q.mmul(Matrix.from1DArray(L, F, image).transpose());
  const { eigenvectorMatrix, realEigenvalues } = new EigenvalueDecomposition(inside, { assumeSymmetric: true });
  const order = [...realEigenvalues.keys()].sort((a, b) => realEigenvalues[b]! - realEigenvalues[a]!).slice(0, D);
  const turned = eigenvectorMatrix.transpose().mmul(q);
  return {
    variances: Float64Array.from(order, (i) => Math.max(0, realEigenvalues[i]!)),
    directions: Float32Array.from(order.flatMap((i) => turned.getRow(i))),
  };
}

/** Rows of the same span, of unit norm and at right angles (Gram-Schmidt); a row that adds nothing becomes 0. */
function orthonormal(rows: Float32Array, F: number): Float32Array {
  const out = Float64Array.from(rows);
  const at = (i: number) => out.subarray(i * F, (i + 1) * F);
  const L = rows.length / F;
  for (let i = 0; i < L; i++) {
    const row = at(i);
    const before = Math.sqrt(dot(row, row));
    for (let j = 0; j < i; j++) {
      const other = at(j);
      const along = dot(row, other);
      for (let f = 0; f < F; f++) row[f]! -= along * other[f]!;
    }
    const length = Math.sqrt(dot(row, row));
    const scale = length > 1e-6 * before ? 1 / length : 0;
    for (let f = 0; f < F; f++) row[f]! *= scale;
  }
  return Float32Array.from(out);
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let f = 0; f < a.length; f++) sum += a[f]! * b[f]!;
  return sum;
}
