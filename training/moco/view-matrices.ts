// A random view of an image as matrices: crop, resize, flip and blur are one matrix for the rows and one for the columns;
// brightness, contrast, saturation, hue and grey are one 3×3 matrix for the colour of a pixel and one for the mean colour
// of the crop (contrast moves colours towards the mean). What is drawn, and in what order, is torchvision's; two
// approximations keep it linear: hue turns in YIQ instead of HSV, and values are limited to 0..1 once at the end instead
// of after each step.
import type { Random } from "../data/random.ts";

/** The distribution of views; names and meaning as in torchvision.transforms. */
export interface ViewRecipe {
  /** RandomResizedCrop: share of the area, from..to. Aspect ratio 3/4..4/3. */
  readonly cropScale: readonly [number, number];
  /** RandomHorizontalFlip: probability. */
  readonly flip: number;
  /** ColorJitter: probability, and the largest change of each. */
  readonly jitter: {
    readonly probability: number;
    readonly brightness: number;
    readonly contrast: number;
    readonly saturation: number;
    /** In turns, at most 0.5. */
    readonly hue: number;
  };
  /** RandomGrayscale: probability. */
  readonly grey: number;
  /** MoCo v1 takes the grey before the jitter; v2 after. */
  readonly greyFirst: boolean;
  /** GaussianBlur: probability and standard deviation in pixels, from..to. */
  readonly blur: { readonly probability: number; readonly sigma: readonly [number, number] };
}

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
}

/** Room for the matrices of a batch. */
export function allocateViewMatrices(batch: number, from: number, to: number): ViewMatrices {
  return {
    rows: new Float32Array(batch * to * from),
    columns: new Float32Array(batch * from * to),
    colour: new Float32Array(batch * 9),
    meanColour: new Float32Array(batch * 9),
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
  recipe: ViewRecipe,
  size: { from: number; to: number },
  original: { width: number; height: number },
  out: ViewMatrices,
  n: number,
): void {
  const crop = drawCrop(random, recipe.cropScale, original);
  const colour = drawColour(random, recipe);
  const blurred = random.uniform() < recipe.blur.probability;
  const sigma = blurred ? random.uniform(...recipe.blur.sigma) : 0;
  const flipped = random.uniform() < recipe.flip;

  const { from, to } = size;
  const rows = out.rows.subarray(n * to * from, (n + 1) * to * from);
  resampleMatrix(rows, size, crop.top / original.height, crop.height / original.height, sigma, false);
  const byColumn = new Float32Array(to * from);
  resampleMatrix(byColumn, size, crop.left / original.width, crop.width / original.width, sigma, flipped);
  const columns = out.columns.subarray(n * to * from, (n + 1) * to * from);
  for (let i = 0; i < to; i++) for (let j = 0; j < from; j++) columns[j * to + i] = byColumn[i * from + j]!;
  out.colour.set(colour.pixel, n * 9);
  out.meanColour.set(colour.mean, n * 9);
}

/** torchvision's RandomResizedCrop.get_params: ten tries, then the largest central crop of an allowed ratio. */
function drawCrop(
  random: Random,
  [low, high]: readonly [number, number],
  { width, height }: { width: number; height: number },
) {
  for (let attempt = 0; attempt < 10; attempt++) {
    const area = width * height * random.uniform(low, high);
    const ratio = Math.exp(random.uniform(Math.log(3 / 4), Math.log(4 / 3)));
    const w = Math.round(Math.sqrt(area * ratio));
    const h = Math.round(Math.sqrt(area / ratio));
    if (w < 1 || h < 1 || w > width || h > height) continue;
    return { top: random.integer(height - h + 1), left: random.integer(width - w + 1), width: w, height: h };
  }
  const ratio = Math.min(Math.max(width / height, 3 / 4), 4 / 3);
  const w = Math.min(width, Math.round(height * ratio));
  const h = Math.min(height, Math.round(width / ratio));
  return { top: (height - h) >> 1, left: (width - w) >> 1, width: w, height: h };
}

/**
 * Fills `out` [to, from] with the matrix that resamples the part `start`..`start + extent` (in shares of the axis) of
 * `from` pixels to `to` pixels: bilinear, with antialiasing where it shrinks, then a Gaussian of `sigma` output pixels.
 */
function resampleMatrix(
  out: Float32Array,
  { from, to }: { from: number; to: number },
  start: number,
  extent: number,
  sigma: number,
  flipped: boolean,
): void {
  const scale = (extent * from) / to;
  const support = Math.max(scale, 1);
  const first = Math.round(start * from);
  const last = Math.max(first + 1, Math.round((start + extent) * from)) - 1;
  const plain = sigma > 0 ? new Float32Array(to * from) : out.fill(0);
  for (let i = 0; i < to; i++) {
    const centre = start * from + (i + 0.5) * scale - 0.5;
    const row = (flipped ? to - 1 - i : i) * from;
    let sum = 0;
    for (let j = Math.max(first, Math.ceil(centre - support)); j <= Math.min(last, centre + support); j++) {
      const weight = 1 - Math.abs(j - centre) / support;
      plain[row + j] = weight;
      sum += weight;
    }
    if (sum > 0) for (let j = first; j <= last; j++) plain[row + j]! /= sum;
    else plain[row + Math.min(last, Math.max(first, Math.round(centre)))] = 1;
  }
  if (sigma > 0) blurRows(out, plain, to, from, sigma);
}

/** out = G · plain, G the Gaussian over rows with the border repeated. */
function blurRows(out: Float32Array, plain: Float32Array, rows: number, width: number, sigma: number): void {
  const radius = Math.max(1, Math.ceil(3 * sigma));
  const kernel = Array.from({ length: 2 * radius + 1 }, (_, i) => Math.exp(-((i - radius) ** 2) / (2 * sigma ** 2)));
  const total = kernel.reduce((a, b) => a + b, 0);
  out.fill(0);
  for (let i = 0; i < rows; i++) {
    for (let t = -radius; t <= radius; t++) {
      const source = Math.min(rows - 1, Math.max(0, i + t)) * width;
      const weight = kernel[t + radius]! / total;
      for (let j = 0; j < width; j++) out[i * width + j]! += weight * plain[source + j]!;
    }
  }
}

/** 3×3 matrices row by row: pixel' = pixel·x + mean·(mean colour of the crop). */
interface Colour {
  readonly pixel: readonly number[];
  readonly mean: readonly number[];
}

/** Rec. 601 luma, as PIL's and torchvision's grey. */
const LUMA = [0.299, 0.587, 0.114] as const;
const IDENTITY = [1, 0, 0, 0, 1, 0, 0, 0, 1] as const;
const GREY = [...LUMA, ...LUMA, ...LUMA] as const;

function drawColour(random: Random, recipe: ViewRecipe): Colour {
  const { brightness, contrast, saturation, hue, probability } = recipe.jitter;
  let colour: Colour = { pixel: IDENTITY, mean: new Array(9).fill(0) };
  const turnGrey = () => {
    if (random.uniform() < recipe.grey) colour = apply(GREY, colour);
  };
  if (recipe.greyFirst) turnGrey();
  if (random.uniform() < probability) {
    const factor = (by: number) => random.uniform(Math.max(0, 1 - by), 1 + by);
    const steps = [
      () => apply(scaled(IDENTITY, factor(brightness)), colour),
      () => withContrast(factor(contrast), colour),
      () => apply(mix(IDENTITY, GREY, factor(saturation)), colour),
      () => apply(hueMatrix(random.uniform(-hue, hue)), colour),
    ];
    for (const index of random.permutation(4)) colour = steps[index]!();
  }
  if (!recipe.greyFirst) turnGrey();
  return colour;
}

const apply = (m: readonly number[], { pixel, mean }: Colour): Colour => ({
  pixel: product(m, pixel),
  mean: product(m, mean),
});

/** c·x + (1 − c)·(mean grey of the image as it is now). */
function withContrast(c: number, { pixel, mean }: Colour): Colour {
  const meanGrey = product(
    GREY,
    pixel.map((v, i) => v + mean[i]!),
  );
  return { pixel: scaled(pixel, c), mean: mix(mean, meanGrey, c) };
}

/** Turns the colour plane of YIQ by `turns`. */
function hueMatrix(turns: number): readonly number[] {
  const toYiq = [...LUMA, 0.596, -0.274, -0.322, 0.211, -0.523, 0.312];
  const toRgb = [1, 0.956, 0.621, 1, -0.272, -0.647, 1, -1.106, 1.703];
  const [cos, sin] = [Math.cos(2 * Math.PI * turns), Math.sin(2 * Math.PI * turns)];
  return product(toRgb, product([1, 0, 0, 0, cos, -sin, 0, sin, cos], toYiq));
}

const scaled = (m: readonly number[], by: number) => m.map((v) => v * by);
/** by·a + (1 − by)·b */
const mix = (a: readonly number[], b: readonly number[], by: number) => a.map((v, i) => by * v + (1 - by) * b[i]!);

function product(a: readonly number[], b: readonly number[]): number[] {
  return Array.from({ length: 9 }, (_, i) => {
    const [r, c] = [Math.floor(i / 3) * 3, i % 3];
    return a[r]! * b[c]! + a[r + 1]! * b[c + 3]! + a[r + 2]! * b[c + 6]!;
  });
}
