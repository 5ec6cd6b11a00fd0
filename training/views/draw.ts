// A random view of an image as matrices: crop, resize, flip and blur are one matrix for the rows and one for the
// columns; brightness, contrast, saturation, hue and grey are one 3×3 matrix for the colour of a pixel and one for the
// mean colour of the crop (contrast moves colours towards the mean). What is drawn, and in what order, is
// torchvision's; two approximations keep it linear: hue turns in YIQ instead of HSV, and values are limited to 0..1
// once at the end instead of after each step.
import type { Random } from "../data/random.ts";
import { drawColour, UNCHANGED } from "./colour.ts";
import { drawCrop } from "./crop.ts";
import type { ViewRecipe } from "./recipe.ts";
import { resampleMatrix } from "./resample.ts";

/** Matrices of a batch of views from images of S₀×S₀ to S×S, as the graph takes them. */
export interface ViewMatrices {
  /** [B, 1, S, S₀] */
  readonly rows: Float32Array;
  /** [B, 1, S₀, S] */
  readonly columns: Float32Array;
  /** [B, 3, 3] on the pixel. */
  readonly colour: Float32Array;
  /** [B, 3, 3] on the mean colour of the crop. */
  readonly meanColour: Float32Array;
  /** [B, 1, 1] 1 where the view is solarised, otherwise 0. */
  readonly solarized: Float32Array;
}

/** Allocates the matrices of a batch. */
export function allocateViewMatrices(batch: number, from: number, to: number): ViewMatrices {
  return {
    rows: new Float32Array(batch * to * from),
    columns: new Float32Array(batch * from * to),
    colour: new Float32Array(batch * 9),
    meanColour: new Float32Array(batch * 9),
    solarized: new Float32Array(batch),
  };
}

/**
 * Draws the view of image `n` of a batch.
 *
 * @param size Side of the stored square image (S₀) and of the view (S).
 * @param original Width and height of the image before it was squashed to the square: the crop keeps its aspect ratio.
 */
export function drawView(
  random: Random,
  recipe: ViewRecipe | "whole",
  size: { from: number; to: number },
  original: { width: number; height: number },
  out: ViewMatrices,
  n: number,
): void {
  const { top, left, height, width, colour, sigma, solarized, flipped } =
    recipe === "whole" ? WHOLE : drawTransform(random, recipe, original);
  const { from, to } = size;
  const rows = out.rows.subarray(n * to * from, (n + 1) * to * from);
  resampleMatrix(rows, size, top, height, sigma, false);
  const byColumn = new Float32Array(to * from);
  resampleMatrix(byColumn, size, left, width, sigma, flipped);
  const columns = out.columns.subarray(n * to * from, (n + 1) * to * from);
  for (let i = 0; i < to; i++) for (let j = 0; j < from; j++) columns[j * to + i] = byColumn[i * from + j]!;
  out.colour.set(colour.pixel, n * 9);
  out.meanColour.set(colour.mean, n * 9);
  out.solarized[n] = Number(solarized);
}

/** All of an image as it is: the crop in shares of its sides. */
const WHOLE = { top: 0, left: 0, height: 1, width: 1, colour: UNCHANGED, sigma: 0, solarized: false, flipped: false };

/** Draws in torchvision's order: crop, colour, blur, solarisation, flip. */
function drawTransform(random: Random, recipe: ViewRecipe, original: { width: number; height: number }): typeof WHOLE {
  const crop = drawCrop(random, recipe.cropScale, original);
  const colour = drawColour(random, recipe);
  const blurred = random.uniform() < recipe.blur.probability;
  const sigma = blurred ? random.uniform(...recipe.blur.sigma) : 0;
  const solarized = recipe.solarize !== undefined && random.uniform() < recipe.solarize;
  const flipped = random.uniform() < recipe.flip;
  return {
    top: crop.top / original.height,
    left: crop.left / original.width,
    height: crop.height / original.height,
    width: crop.width / original.width,
    colour,
    sigma,
    solarized,
    flipped,
  };
}
