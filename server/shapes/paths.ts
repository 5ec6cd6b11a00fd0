// How far every pixel is from those that were clicked on, along the way that crosses the fewest edges.

/** A small picture's colours. */
export interface Colours {
  readonly width: number;
  readonly height: number;
  /** [height, width, 3], each 0..1. */
  readonly values: Float32Array;
  /** [height, width, 4]: the pixels above, below, left and right of each; −1 beyond the border. */
  readonly around: Int32Array;
}

/** What a change of colour costs: this times the sum of the changes of red, green and blue. */
const COLOUR = 0.9;
/** What a change of similarity costs: this times it. */
const SIMILARITY = 0.2;
/** What the way itself costs: this for the length of the longer side. */
const LENGTH = 0.1;
/** No way is longer: more than a similarity can outweigh. */
const FARTHEST = 1.8;

/** RGB bytes [from.height, from.width, 3] as the colours of `width` × `height` pixels, each the mean of its part. */
export function coloursAt(
  from: { readonly pixels: Uint8Array; readonly width: number; readonly height: number },
  width: number,
  height: number,
): Colours {
  const values = new Float32Array(width * height * 3);
  for (let y = 0; y < height; y++) {
    const [top, bottom] = part(y, height, from.height);
    for (let x = 0; x < width; x++) {
      const [left, right] = part(x, width, from.width);
      const at = (y * width + x) * 3;
      const weight = 1 / (255 * (bottom - top) * (right - left));
      for (let row = top; row < bottom; row++) {
        for (let column = left; column < right; column++) {
          for (let c = 0; c < 3; c++) values[at + c]! += weight * from.pixels[(row * from.width + column) * 3 + c]!;
        }
      }
    }
  }
  return { width, height, values, around: neighbours(width, height) };
}

/** The pixels of `from` that pixel `i` of `to` covers. */
const part = (i: number, to: number, from: number): readonly [number, number] => [
  Math.floor((i * from) / to),
  Math.ceil(((i + 1) * from) / to),
];

function neighbours(width: number, height: number): Int32Array {
  const around = new Int32Array(4 * width * height).fill(-1);
  for (let at = 0; at < width * height; at++) {
    if (at >= width) around[4 * at] = at - width;
    if (at + width < width * height) around[4 * at + 1] = at + width;
    if (at % width > 0) around[4 * at + 2] = at - 1;
    if (at % width < width - 1) around[4 * at + 3] = at + 1;
  }
  return around;
}

/** The sum of the changes of red, green and blue between two pixels, 0..3. */
export function colourChange(one: number, other: number, { values }: Colours): number {
  let change = 0;
  for (let c = 0; c < 3; c++) change += Math.abs(values[3 * one + c]! - values[3 * other + c]!);
  return change;
}

/**
 * The cost of the cheapest way from `starts` to each pixel; Infinity beyond {@link FARTHEST}. Dijkstra's, with the pixels
 * under way in buckets by their cost: a step costs at least a bucket.
 *
 * @param similar The similarity of each pixel to what was clicked on.
 */
export function pathsFrom(starts: readonly number[], colours: Colours, similar: Float32Array): Float32Array {
  const { width, height } = colours;
  const step = LENGTH / Math.max(width, height);
  const costs = new Float32Array(width * height).fill(Number.POSITIVE_INFINITY);
  const buckets: number[][] = Array.from({ length: Math.ceil(FARTHEST / step) + 1 }, () => []);
  const reach = (pixel: number, exact: number) => {
    const cost = Math.fround(exact); // as it is kept, so that ways of one length compare equal
    if (cost >= costs[pixel]! || cost > FARTHEST) return;
    costs[pixel] = cost;
    buckets[Math.floor(cost / step)]!.push(pixel);
  };
  for (const start of starts) reach(start, 0);
  for (const [number, bucket] of buckets.entries()) {
    for (const pixel of bucket) {
      if (Math.floor(costs[pixel]! / step) < number) continue; // reached by a cheaper way since
      for (let side = 0; side < 4; side++) {
        const next = colours.around[4 * pixel + side]!;
        if (next < 0) continue;
        const unlike = Math.abs(similar[pixel]! - similar[next]!);
        reach(next, costs[pixel]! + step + COLOUR * colourChange(pixel, next, colours) + SIMILARITY * unlike);
      }
    }
  }
  return costs;
}
