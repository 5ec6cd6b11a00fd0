// The shape of a thing that was clicked on: what looks like the clicked place and can be reached from it without
// crossing an edge. Cells tell what looks alike, but coarsely; between their centres each point of the mask is decided
// anew, by the similarity there and the colours on the way.
import type { Cells } from "../../core/cells.ts";
import type { Mask } from "../../core/mask.ts";
import { dot, normalised } from "../../core/vector.ts";
import type { Clicks, Point } from "../domain/shape.ts";
import { type Colours, colourChange, coloursAt, pathsFrom } from "./paths.ts";

/** A picture resized to be cut, and its cells. */
export interface SeenPicture {
  readonly cells: Cells;
  /** RGB bytes [height, width, 3]. */
  readonly pixels: Uint8Array;
  readonly width: number;
  readonly height: number;
  /** Its own size as displayed, pixels. */
  readonly displayed: { readonly width: number; readonly height: number };
}

/** Pixels of a mask's longer side at most. */
const MASK_SIDE = 128;
/**
 * Likeness, −1..1, less the cost of the way from the click: the levels at which a shape may end. The one is taken whose
 * outline crosses the most colour, so that no level has to fit every picture.
 */
const LEVELS = Array.from({ length: 19 }, (_, i) => 0.1 - 0.05 * i);
/** A shape of fewer pixels is noise, one of more of the picture has lost its outline. */
const FEWEST_PIXELS = 8;
const LARGEST_SHARE = 0.8;

/** The connected mask of the thing under the clicks. The clicked pixels themselves are always inside. */
export function segment(picture: SeenPicture, { inside, outside }: Clicks): Mask {
  const { width, height } = picture.displayed;
  const scale = Math.min(1, MASK_SIDE / Math.max(width, height));
  const side = (length: number) => Math.max(1, Math.round(length * scale));
  const colours = coloursAt(picture, side(width), side(height));
  const cells = centredUnits(picture.cells);
  const own = likenessTo(inside, cells, colours);
  const other = outside.length > 0 ? likenessTo(outside, cells, colours) : undefined;
  const starts = inside.map((point) => pixelAt(point, colours));
  const likeness = other ? own.map((value, i) => (other[i]! > value ? Number.NEGATIVE_INFINITY : value)) : own;
  let [shape, best] = [new Uint8Array(), -1];
  for (const { inside: grown, pixels } of growing(likeness, starts, colours)) {
    const isShape = pixels >= FEWEST_PIXELS && pixels <= LARGEST_SHARE * grown.length;
    const sharpness = isShape ? outlineContrast(grown, colours) : -1;
    if (shape.length > 0 && sharpness <= best) continue;
    [shape, best] = [grown.slice(), sharpness];
  }
  return { width: colours.width, height: colours.height, inside: withoutTendrils(shape, starts, colours) };
}

const pixelAt = ({ x, y }: Point, { width, height }: Colours): number =>
  Math.min(Math.floor(y * height), height - 1) * width + Math.min(Math.floor(x * width), width - 1);

/** For each pixel the similarity to the points, less the cost of the way from the nearest of them. */
function likenessTo(points: readonly Point[], cells: Cells, colours: Colours): Float32Array {
  const { width, height } = colours;
  const wanted = points.map((point) => normalised(vectorAt(cells, point)));
  const D = wanted[0]!.length;
  const coarse = Float32Array.from({ length: cells.width * cells.height }, (_, cell) => {
    const vector = cells.vectors.subarray(cell * D, (cell + 1) * D);
    return Math.max(...wanted.map((one) => dot(one, vector)));
  });
  const columns = Array.from({ length: width }, (_, x) => between((x + 0.5) / width, cells.width));
  const rows = Array.from({ length: height }, (_, y) => between((y + 0.5) / height, cells.height));
  const similar = new Float32Array(width * height);
  for (const [y, row] of rows.entries()) {
    for (const [x, column] of columns.entries()) {
      const along = (line: number) => {
        const [one, other] = [coarse[line * cells.width + column.before]!, coarse[line * cells.width + column.after]!];
        return one + (other - one) * column.share;
      };
      const above = along(row.before);
      similar[y * width + x] = above + (along(row.after) - above) * row.share;
    }
  }
  const starts = points.map((point) => pixelAt(point, colours));
  return pathsFrom(starts, colours, similar).map((cost, i) => similar[i]! - cost);
}

/** Cells less their mean, of unit norm: what tells places of this picture apart. Inner products are similarities. */
function centredUnits({ width, height, vectors }: Cells): Cells {
  const count = width * height;
  const D = vectors.length / count;
  const middle = new Float32Array(D);
  for (let i = 0; i < vectors.length; i++) middle[i % D]! += vectors[i]! / count;
  const units = new Float32Array(vectors.length);
  for (let at = 0; at < vectors.length; at += D) {
    const unit = units.subarray(at, at + D);
    for (let d = 0; d < D; d++) unit[d] = vectors[at + d]! - middle[d]!;
    unit.set(normalised(unit));
  }
  return { width, height, vectors: units };
}

/** The vector at a point, bilinear between the centres of cells. */
function vectorAt({ width, height, vectors }: Cells, { x, y }: Point): Float32Array {
  const D = vectors.length / (width * height);
  const [column, row] = [between(x, width), between(y, height)];
  const out = new Float32Array(D);
  for (const [line, down] of [[row.before, 1 - row.share] as const, [row.after, row.share] as const]) {
    for (const [cell, across] of [[column.before, 1 - column.share] as const, [column.after, column.share] as const]) {
      const from = (line * width + cell) * D;
      for (let d = 0; d < D; d++) out[d]! += down * across * vectors[from + d]!;
    }
  }
  return out;
}

/** The cells whose centres are before and after a place, 0..1, and how far it is on the way to the second. */
function between(place: number, cells: number): { before: number; after: number; share: number } {
  const at = Math.min(Math.max(place * cells - 0.5, 0), cells - 1);
  const before = Math.floor(at);
  return { before, after: Math.min(before + 1, cells - 1), share: at - before };
}

/**
 * What is connected to `starts` at each of {@link LEVELS}, from the highest to the lowest. A lower level only adds to a
 * higher one, so each goes on at the border of the one before, in the same array.
 */
function* growing(
  likeness: Float32Array,
  starts: readonly number[],
  { around }: Colours,
): Generator<{ readonly inside: Uint8Array<ArrayBuffer>; readonly pixels: number }> {
  const inside = new Uint8Array(likeness.length);
  const waiting: number[] = [];
  /** Pixels beside the shape that are not like enough; one may be there several times. */
  let border: number[] = [];
  let pixels = 0;
  const add = (pixel: number) => {
    inside[pixel] = 1;
    pixels++;
    waiting.push(pixel);
  };
  for (const start of new Set(starts)) add(start);
  for (const level of LEVELS) {
    const before = border;
    border = [];
    const meet = (pixel: number) => {
      if (inside[pixel]) return;
      if (likeness[pixel]! >= level) add(pixel);
      else border.push(pixel);
    };
    for (const pixel of before) meet(pixel);
    for (let at = waiting.pop(); at !== undefined; at = waiting.pop()) {
      for (let side = 0; side < 4; side++) {
        const next = around[4 * at + side]!;
        if (next >= 0) meet(next);
      }
    }
    yield { inside, pixels };
  }
}

/** The shape without what hangs on it by less than three pixels; all of it where a click lies in such a part. */
function withoutTendrils(inside: Uint8Array, starts: readonly number[], { around }: Colours): Uint8Array {
  const isCore = (pixel: number) => {
    for (let side = 0; side < 4; side++) {
      const next = around[4 * pixel + side]!;
      if (next >= 0 && !inside[next]) return false;
    }
    return true;
  };
  if (!starts.every(isCore)) return inside;
  const kept = new Uint8Array(inside.length);
  const seen = new Set(starts);
  for (const core of seen) {
    kept[core] = 1;
    for (let side = 0; side < 4; side++) {
      const next = around[4 * core + side]!;
      if (next < 0) continue;
      kept[next] = 1;
      if (!seen.has(next) && isCore(next)) seen.add(next); // and is come to later
    }
  }
  return kept;
}

/** The mean change of colour across the outline of a shape; 0 where it has none. */
function outlineContrast(inside: Uint8Array, colours: Colours): number {
  let [sum, count] = [0, 0];
  for (let pixel = 0; pixel < inside.length; pixel++) {
    if (!inside[pixel]) continue;
    for (let side = 0; side < 4; side++) {
      const next = colours.around[4 * pixel + side]!;
      if (next < 0 || inside[next]) continue;
      sum += colourChange(pixel, next, colours);
      count++;
    }
  }
  return count > 0 ? sum / count : 0;
}
