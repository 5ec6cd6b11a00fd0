// The colours of a view as matrices: torchvision's ColorJitter and RandomGrayscale.
import type { Random } from "../data/random.ts";
import type { ViewRecipe } from "./recipe.ts";

/** 3×3 matrices row by row: pixel' = pixel·x + mean·(mean colour of the crop). */
export interface Colour {
  readonly pixel: readonly number[];
  readonly mean: readonly number[];
}

/** Rec. 601 luma, as PIL's and torchvision's grey. */
const LUMA = [0.299, 0.587, 0.114] as const;
const IDENTITY = [1, 0, 0, 0, 1, 0, 0, 0, 1] as const;
const GREY = [...LUMA, ...LUMA, ...LUMA] as const;

/** Colours as they are. */
export const UNCHANGED: Colour = { pixel: IDENTITY, mean: new Array(9).fill(0) };

/**
 * Draws what happens to the colours of a view: ColorJitter with its probability, its four steps in random order, and
 * grey before or after it.
 */
export function drawColour(random: Random, recipe: Pick<ViewRecipe, "jitter" | "grey" | "greyFirst">): Colour {
  const { brightness, contrast, saturation, hue, probability } = recipe.jitter;
  let colour = UNCHANGED;
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

// YIQ from Y, R − Y and B − Y, and back: I and Q are these two differences, scaled and turned.
const [IR, IB, QR, QB] = [0.735514, -0.267962, 0.477648, 0.412626] as const;
const DETERMINANT = IR * QB - IB * QR;
const TO_DIFFERENCES = [...LUMA, 1 - LUMA[0], -LUMA[1], -LUMA[2], -LUMA[0], -LUMA[1], 1 - LUMA[2]];
const FROM_DIFFERENCES = [1, 1, 0, 1, -LUMA[0] / LUMA[1], -LUMA[2] / LUMA[1], 1, 0, 1];
const TO_YIQ = product([1, 0, 0, 0, IR, IB, 0, QR, QB], TO_DIFFERENCES);
const FROM_YIQ = product(
  FROM_DIFFERENCES,
  [DETERMINANT, 0, 0, 0, QB, -IB, 0, -QR, IR].map((v) => v / DETERMINANT),
);

/** Turns the colour plane of YIQ by `turns`, from red towards green as the hue of HSV does. */
function hueMatrix(turns: number): readonly number[] {
  const [cos, sin] = [Math.cos(2 * Math.PI * turns), Math.sin(2 * Math.PI * turns)];
  return product(FROM_YIQ, product([1, 0, 0, 0, cos, sin, 0, -sin, cos], TO_YIQ));
}

const scaled = (m: readonly number[], by: number) => m.map((v) => v * by);
/** by·a + (1 − by)·b */
const mix = (a: readonly number[], b: readonly number[], by: number) => a.map((v, i) => by * v + (1 - by) * b[i]!);

function product(a: readonly number[], b: readonly number[]): number[] {
  return a.map((_, i) => {
    const [r, c] = [Math.floor(i / 3) * 3, i % 3];
    return a[r]! * b[c]! + a[r + 1]! * b[c + 3]! + a[r + 2]! * b[c + 6]!;
  });
}
