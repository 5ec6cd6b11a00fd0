// The justified grid: images in rows of one width, each row as high as its images need to fill it.

/** Where one image lies, pixels from the grid's upper left corner. */
export interface Place {
  readonly left: number;
  readonly width: number;
}

/** A row; its images are those from `first` on, as many as there are places. */
export interface Row {
  readonly first: number;
  readonly top: number;
  /** Height of the pictures, without what stands below them. */
  readonly height: number;
  readonly places: readonly Place[];
}

export interface RowOptions {
  /** Width to fill, pixels. */
  readonly width: number;
  /** Height that rows should have, pixels; they come close to it. */
  readonly height: number;
  readonly gap: number;
  /** Room for text below each picture, pixels. */
  readonly below: number;
}

/** Pictures that are longer than this are cut, or they would make a row as low as a line. */
const LONGEST = 3;

/**
 * Lays out images in order.
 *
 * @param aspects Width ÷ height of each image.
 */
export function layOutRows(aspects: readonly number[], { width, height, gap, below }: RowOptions): Row[] {
  const shapes = aspects.map((aspect) => Math.min(LONGEST, Math.max(1 / LONGEST, aspect || 1)));
  const rows: Row[] = [];
  let first = 0;
  let sum = 0;
  let top = 0;
  const end = (after: number, rowHeight: number) => {
    let left = 0;
    const places = shapes.slice(first, after).map((shape) => {
      const place = { left, width: shape * rowHeight };
      left += place.width + gap;
      return place;
    });
    rows.push({ first, top, height: rowHeight, places });
    top += rowHeight + below + gap;
    first = after;
    sum = 0;
  };
  /** Height at which images of these shapes fill the width. */
  const filling = (shapeSum: number, number: number) => (width - (number - 1) * gap) / shapeSum;
  for (let i = 0; i < shapes.length; i++) {
    const number = i - first + 1;
    const withIt = filling(sum + shapes[i]!, number);
    if (withIt > height) {
      sum += shapes[i]!;
      continue;
    }
    // The row is full: with this image it is a little lower than wanted, without it a little higher.
    const without = number > 1 ? filling(sum, number - 1) : Number.POSITIVE_INFINITY;
    if (without / height < height / withIt) {
      end(i, without);
      i--;
    } else end(i + 1, withIt);
  }
  if (first < shapes.length) end(shapes.length, Math.min(height, filling(sum, shapes.length - first)));
  return rows;
}

/** Height of all rows, pixels. */
export function heightOf(rows: readonly Row[], { gap, below }: Pick<RowOptions, "gap" | "below">): number {
  const last = rows.at(-1);
  return last ? last.top + last.height + below + gap : 0;
}

/** Rows that lie between two heights: the first, and the one after the last. */
export function rowsBetween(rows: readonly Row[], from: number, to: number): [first: number, after: number] {
  const firstBelow = (place: number) => {
    let [low, high] = [0, rows.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (rows[middle]!.top < place) low = middle + 1;
      else high = middle;
    }
    return low;
  };
  return [Math.max(0, firstBelow(from) - 1), firstBelow(to)];
}
