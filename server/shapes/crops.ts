// A picture seen closely: crops that overlap by half, each as large as the encoder's input, and their cells joined to
// one grid. An encoder of small images sees eight cells a side in a whole picture, too few for the outline of a thing.
import type { Cells } from "../../core/cells.ts";
import type { EncoderInput } from "../../core/model-card.ts";

/** What a picture is enlarged or reduced to before it is cut: its longer side is so many inputs long. */
const INPUTS = 4;
/** Crops begin at multiples of this share of the input, so that cells of crops that overlap lie on each other. */
const STEPS = 8;

type Side = "width" | "height";
type Size = Readonly<Record<Side, number>>;

/** How a picture is cut. */
export interface Cut extends Size {
  /** Size of a crop, pixels. */
  readonly crop: Size;
  /** Where crops begin, pixels: every column with every row, row by row. */
  readonly columns: readonly number[];
  readonly rows: readonly number[];
}

/** Says how a picture is cut for an encoder: at most 7 × 7 crops of a picture resized to `width` × `height`. */
export function planCut(picture: Size, { width, height }: EncoderInput): Cut {
  const longer = Math.max(picture.width, picture.height);
  const crop = { width, height };
  const along = (side: Side) => {
    const step = crop[side] / STEPS;
    const wanted = (INPUTS * crop[side] * picture[side]) / longer;
    const steps = Math.max(STEPS, Math.round(wanted / step));
    const room = steps - STEPS;
    const last = Math.ceil((2 * room) / STEPS);
    const starts = Array.from({ length: last + 1 }, (_, i) => Math.round(Math.round((i * room) / (last || 1)) * step));
    return { size: Math.round(steps * step), starts };
  };
  const [across, down] = [along("width"), along("height")];
  return { width: across.size, height: down.size, crop, columns: across.starts, rows: down.starts };
}

/** The crops of a picture's pixels [height, width, 3]: [crops, H, W, 3]. */
export function cutCrops(pixels: Uint8Array, { width, crop, columns, rows }: Cut): Uint8Array {
  const line = crop.width * 3;
  const crops = new Uint8Array(columns.length * rows.length * crop.height * line);
  let at = 0;
  for (const top of rows) {
    for (const left of columns) {
      for (let y = top; y < top + crop.height; y++, at += line) {
        crops.set(pixels.subarray((y * width + left) * 3, (y * width + left) * 3 + line), at);
      }
    }
  }
  return crops;
}

/**
 * Joins the cells of all crops, which come in batches, to the grid of the picture. Where crops overlap, each counts by
 * how far from its own border the place is: there it saw what is around.
 */
export function joinCells(batches: readonly Cells[], { width, height, crop, columns, rows }: Cut): Cells {
  const crops = concatenated(batches);
  const D = crops.vectors.length / (columns.length * rows.length * crops.width * crops.height);
  const across = places(width, crop.width, columns, crops.width);
  const down = places(height, crop.height, rows, crops.height);
  const vectors = new Float32Array(across.length * down.length * D);
  for (const [y, vertical] of down.entries()) {
    for (const [x, horizontal] of across.entries()) {
      const out = vectors.subarray((y * across.length + x) * D, (y * across.length + x + 1) * D);
      for (const v of vertical) {
        for (const h of horizontal) {
          const from = (((v.crop * columns.length + h.crop) * crops.height + v.cell) * crops.width + h.cell) * D;
          const weight = v.weight * h.weight;
          for (let d = 0; d < D; d++) out[d]! += weight * crops.vectors[from + d]!;
        }
      }
    }
  }
  return { width: across.length, height: down.length, vectors };
}

/** The cells of batches of crops, one after the other. */
function concatenated(batches: readonly Cells[]): Cells {
  const { width, height } = batches[0]!;
  const vectors = new Float32Array(batches.reduce((sum, batch) => sum + batch.vectors.length, 0));
  let at = 0;
  for (const batch of batches) {
    vectors.set(batch.vectors, at);
    at += batch.vectors.length;
  }
  return { width, height, vectors };
}

/** A cell of a crop, and how much of a place it is. */
interface Part {
  readonly crop: number;
  readonly cell: number;
  readonly weight: number;
}

/** What each place of the grid is made of, along one side; the weights of a place add up to 1. */
function places(length: number, cropLength: number, starts: readonly number[], cells: number): Part[][] {
  const count = Math.round((length / cropLength) * cells);
  return Array.from({ length: count }, (_, i) => {
    const centre = ((i + 0.5) / count) * length;
    const parts: Part[] = [];
    for (const [crop, start] of starts.entries()) {
      const at = ((centre - start) / cropLength) * cells;
      const inside = Math.min(at, cells - at);
      if (inside <= 0) continue;
      const place = Math.min(Math.max(at - 0.5, 0), cells - 1);
      const cell = Math.floor(place);
      parts.push({ crop, cell, weight: inside * (1 - (place - cell)) });
      if (place > cell) parts.push({ crop, cell: cell + 1, weight: inside * (place - cell) });
    }
    const sum = parts.reduce((total, { weight }) => total + weight, 0);
    return parts.map((part) => ({ ...part, weight: part.weight / sum }));
  });
}
