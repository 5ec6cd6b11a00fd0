// Embeddings → places on a plane: UMAP (McInnes, Healy and Melville, 2018), so that what is similar lies together.
import { UMAP } from "umap-js";

/** Images that a place is chosen by; UMAP's n_neighbors. */
const NEIGHBOURS = 15;
/** Fewer vectors than this have no neighbourhoods to speak of: they are laid out in a row. */
const FEWEST = 5;

/**
 * Lays out vectors on a plane. The same vectors give the same layout.
 *
 * @param vectors [count, dimensions] row by row, unit norm.
 * @returns [count, 2]: x and y in 0..1, the longer side filled, the other centred.
 */
export function layOut(vectors: Float32Array, dimensions: number): Float32Array {
  const count = vectors.length / dimensions;
  if (count < FEWEST) return Float32Array.from({ length: count * 2 }, (_, i) => (i % 2 ? 0.5 : (i / 2 + 0.5) / count));
  const rows = Array.from({ length: count }, (_, i) =>
    Array.from(vectors.subarray(i * dimensions, (i + 1) * dimensions)),
  );
  const umap = new UMAP({ nNeighbors: Math.min(NEIGHBOURS, count - 1), minDist: 0.15, random: repeatable() });
  return toUnitSquare(umap.fit(rows));
}

/** Uniform numbers in 0..1 that are the same every time (Lehmer's generator, minimal standard). */
function repeatable(): () => number {
  let state = 1;
  return () => {
    state = (state * 48271) % 2147483647;
    return state / 2147483647;
  };
}

function toUnitSquare(places: readonly number[][]): Float32Array {
  const range = (axis: number) => {
    const values = places.map((place) => place[axis]!);
    const low = Math.min(...values);
    return { low, span: Math.max(...values) - low };
  };
  const [x, y] = [range(0), range(1)];
  const scale = 1 / (Math.max(x.span, y.span) || 1);
  return Float32Array.from(
    places.flatMap(([px, py]) => [0.5 + (px! - x.low - x.span / 2) * scale, 0.5 + (py! - y.low - y.span / 2) * scale]),
  );
}
