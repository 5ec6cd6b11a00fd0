// Which part of an image a view shows.
import type { Random } from "../data/random.ts";

/** A part of an image, in whole pixels of it. */
export interface Crop {
  readonly top: number;
  readonly left: number;
  readonly width: number;
  readonly height: number;
}

/**
 * torchvision's RandomResizedCrop.get_params: a share of the area, each as likely as any other, and an aspect ratio of
 * 3/4..4/3, uniform in its logarithm; ten tries to find one that fits, then the largest central crop of an allowed
 * ratio.
 */
export function drawCrop(
  random: Random,
  [low, high]: readonly [number, number],
  { width, height }: { width: number; height: number },
): Crop {
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
