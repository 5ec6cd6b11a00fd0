// How well pixels are labelled: mean intersection over union, over all pixels and over those near a boundary.
import { mean } from "../../core/vector.ts";
import { NOT_LABELLED } from "./loss.ts";

/** Counts of pixels: row, the label; column, the prediction; [C, C]. */
export type Confusion = Float64Array;

/** Counts the labelled pixels of an image. Labels outside 0..C−1 are not labelled. */
export function count(confusion: Confusion, labels: ArrayLike<number>, predicted: ArrayLike<number>): void {
  const C = Math.sqrt(confusion.length);
  for (let i = 0; i < labels.length; i++) {
    const label = labels[i]!;
    if (label >= 0 && label < C) confusion[label * C + predicted[i]!]!++;
  }
}

/** What a confusion comes to. Shares of 1. */
export interface Overlap {
  /** Mean of `classes`. */
  readonly mean: number;
  /** Intersection over union of each class; null for a class that is neither there nor predicted. */
  readonly classes: ReadonlyArray<number | null>;
  /** Share of the labelled pixels that are right. */
  readonly accuracy: number;
}

/** Intersection over union: pixels of a class that are predicted as it ÷ pixels that are of it or predicted as it. */
export function overlap(confusion: Confusion): Overlap {
  const C = Math.sqrt(confusion.length);
  const all = Array.from({ length: C }, (_, c) => c);
  const total = (places: number[]) => places.reduce((sum, at) => sum + confusion[at]!, 0);
  const classes = all.map((c) => {
    const both = confusion[c * C + c]!;
    const either = total(all.map((d) => c * C + d)) + total(all.map((d) => d * C + c)) - both;
    return either > 0 ? both / either : null;
  });
  const present = classes.filter((iou) => iou !== null);
  const right = total(all.map((c) => c * C + c));
  return {
    mean: mean(present),
    classes,
    accuracy: right / confusion.reduce((sum, n) => sum + n, 0),
  };
}

/**
 * The labels within `distance` pixels (across, down or diagonally) of a boundary between two classes; all others are
 * {@link NOT_LABELLED}. A boundary runs between neighbours with different labels, both of which are next to it, at
 * distance 1. Where one of two neighbours is not labelled there is none.
 *
 * @param labels [H, W], row by row; a negative label is none.
 */
export function nearBoundaries(labels: Int16Array, width: number, distance: number): Int16Array {
  const near = new Uint8Array(labels.length);
  const differ = (a: number, b: number) => labels[a]! >= 0 && labels[b]! >= 0 && labels[a] !== labels[b];
  for (let i = 0; i < labels.length; i++) {
    for (const j of [(i + 1) % width === 0 ? i : i + 1, i + width]) {
      if (j < labels.length && differ(i, j)) near[i] = near[j] = 1;
    }
  }
  const rows = widen(near, distance - 1, width, 1);
  const both = widen(rows, distance - 1, labels.length / width, width);
  return labels.map((label, i) => (both[i] ? label : NOT_LABELLED));
}

/** Marks what lies within `reach` of a mark along one side of `length` pixels, which are `step` apart. */
function widen(marks: Uint8Array, reach: number, length: number, step: number): Uint8Array {
  const wide = new Uint8Array(marks.length);
  for (let i = 0; i < marks.length; i++) {
    if (!marks[i]) continue;
    const place = Math.floor(i / step) % length;
    for (let d = -Math.min(reach, place); d <= Math.min(reach, length - 1 - place); d++) wide[i + d * step] = 1;
  }
  return wide;
}
