// The views of a batch: drawn here for training, measuring and the report alike.
import type { Dataset } from "../data/dataset.ts";
import type { Random } from "../data/random.ts";
import { allocateViewMatrices, drawView, type ViewMatrices } from "./draw.ts";
import type { ViewSpec } from "./recipe.ts";

/** Matrices of a batch by view name. */
export type BatchViews = Readonly<Record<string, ViewMatrices>>;

/** Room for `views` of `batch` images that are stored with `stored` pixels a side. */
export function allocateViews(views: readonly ViewSpec[], batch: number, stored: number): BatchViews {
  return Object.fromEntries(views.map(({ name, size }) => [name, allocateViewMatrices(batch, stored, size)]));
}

/**
 * Draws `views` of the images at `indices`: image after image, and of each image the views in their order.
 *
 * @param out Where the matrices go. @default new arrays
 * @returns Feeds of the graph: the inputs of each view by its name.
 */
export function drawViews(
  random: Random,
  views: readonly ViewSpec[],
  { width: stored, originalWidths, originalHeights }: Pick<Dataset, "width" | "originalWidths" | "originalHeights">,
  indices: ArrayLike<number>,
  out: BatchViews = allocateViews(views, indices.length, stored),
): Record<string, Float32Array> {
  for (let n = 0; n < indices.length; n++) {
    const original = { width: originalWidths[indices[n]!]!, height: originalHeights[indices[n]!]! };
    for (const { name, size, recipe } of views) {
      drawView(random, recipe, { from: stored, to: size }, original, out[name]!, n);
    }
  }
  return Object.fromEntries(
    views.flatMap(({ name }) => Object.entries(out[name]!).map(([part, values]) => [`${name}.${part}`, values])),
  );
}
