// Places among landmarks: UMAP lays out some of the images, and each other one comes to lie between those that are
// nearest to it. So a map of all takes little longer than one of a sample.
import { dot } from "../../../core/vector.ts";
import { repeatable } from "./repeatable.ts";

/** Landmarks that an image lies between. */
const NEAREST = 4;
/** Groups of landmarks that are looked through for them. */
const GROUPS = 4;
/** Difference in cosine similarity that makes a landmark e times as important as another. */
const SOFTNESS = 0.05;
/** Images with the same landmarks are spread over this part of the map's width. */
const SPREAD = 0.012;

/**
 * Makes what places vectors.
 *
 * @param landmarks [count, dimensions] row by row, unit norm.
 * @param places [count, 2]: where the landmarks lie.
 * @returns A function: vectors [n, dimensions] → their places [n, 2].
 */
export function createPlacer(landmarks: Float32Array, places: Float32Array, dimensions: number) {
  const rows = rowsOf(landmarks, dimensions);
  // Every landmark belongs to the nearest of a few pivots, and a vector looks only where its nearest pivots are.
  const pivots = rows.slice(0, Math.ceil(Math.sqrt(rows.length))).map((_, i) => i);
  const groups = pivots.map(() => [] as number[]);
  for (const [i, row] of rows.entries()) groups[nearest(rows, pivots, row, 1)[0]!.at]!.push(i);
  const random = repeatable();

  return (vectors: Float32Array): Float32Array => {
    const placed = rowsOf(vectors, dimensions).flatMap((vector) => {
      const near = nearest(rows, pivots, vector, GROUPS).flatMap(({ at }) => groups[at]!);
      const found = nearest(rows, near, vector, NEAREST);
      const weights = found.map(({ score }) => Math.exp((score - found[0]!.score) / SOFTNESS));
      const sum = weights.reduce((total, weight) => total + weight, 0);
      return [0, 1].map((axis) => {
        const middle = found.reduce((total, { at }, k) => total + weights[k]! * places[2 * at + axis]!, 0) / sum;
        return middle + SPREAD * (random() - 0.5);
      });
    });
    return Float32Array.from(placed);
  };
}

const rowsOf = (vectors: Float32Array, dimensions: number) =>
  Array.from({ length: vectors.length / dimensions }, (_, i) => vectors.subarray(i * dimensions, (i + 1) * dimensions));

/** Of the rows with these numbers, those with the largest inner products with a vector, best first. */
function nearest(
  rows: readonly Float32Array[],
  among: readonly number[],
  vector: Float32Array,
  most: number,
): Array<{ at: number; score: number }> {
  const found: Array<{ at: number; score: number }> = [];
  for (let i = 0; i < among.length; i++) {
    const score = dot(rows[among[i]!]!, vector);
    if (found.length === most && score <= found[most - 1]!.score) continue;
    if (found.length === most) found.pop();
    const place = found.findIndex((one) => one.score < score);
    found.splice(place < 0 ? found.length : place, 0, { at: among[i]!, score });
  }
  return found;
}
