// Embeddings → places on a plane: UMAP (McInnes, Healy and Melville, 2018), so that what is similar lies together.
import { UMAP } from "umap-js";
import { repeatable } from "./repeatable.ts";

/** UMAP's n_neighbors. */
const NEIGHBOURS = 15;
/** Fewer vectors than this have no neighbourhoods to speak of: they are laid out in a row. */
const FEWEST = 5;

/**
 * Lays out vectors on a plane. The same vectors give the same layout.
 *
 * @param vectors [count, dimensions] row by row, unit norm.
 * @param advanced Called now and then with how much is done, 0..1.
 * @returns [count, 2]: x and y, both centred on 0.5; the wider of the two fills 0..1.
 */
export function layOut(
  vectors: Float32Array,
  dimensions: number,
  advanced: (part: number) => void = () => {},
): Float32Array {
  const count = vectors.length / dimensions;
  if (count < FEWEST) return Float32Array.from({ length: count * 2 }, (_, i) => (i % 2 ? 0.5 : (i / 2 + 0.5) / count));
  const rows = Array.from({ length: count }, (_, i) =>
    Array.from(vectors.subarray(i * dimensions, (i + 1) * dimensions)),
  );
  const umap = new UMAP({ nNeighbors: Math.min(NEIGHBOURS, count - 1), minDist: 0.4, random: repeatable() });
  const epochs = umap.initializeFit(rows);
  for (let epoch = 1; epoch <= epochs; epoch++) {
    umap.step();
    if (epoch % 10 === 0) advanced(epoch / epochs);
  }
  return toUnitSquare(umap.getEmbedding());
}

/** Rotates the direction of largest variance to the horizontal, as screens are wide, and scales to 0..1. */
function toUnitSquare(places: readonly number[][]): Float32Array {
  const mean = (value: (place: readonly number[]) => number) =>
    places.reduce((sum, place) => sum + value(place), 0) / places.length;
  const [mx, my] = [mean(([x]) => x!), mean(([, y]) => y!)];
  const covariance = mean(([x, y]) => (x! - mx) * (y! - my));
  const difference = mean(([x, y]) => (x! - mx) ** 2 - (y! - my) ** 2);
  const angle = Math.atan2(2 * covariance, difference) / 2;
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  const xs = places.map(([x, y]) => x! * cos + y! * sin);
  const ys = places.map(([x, y]) => y! * cos - x! * sin);
  const [x, y] = [rangeOf(xs), rangeOf(ys)];
  const scale = 1 / (Math.max(x.span, y.span) || 1);
  return Float32Array.from(xs.flatMap((px, i) => [0.5 + (px - x.middle) * scale, 0.5 + (ys[i]! - y.middle) * scale]));
}

function rangeOf(values: readonly number[]): { middle: number; span: number } {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  return { middle: (low + high) / 2, span: high - low };
}
