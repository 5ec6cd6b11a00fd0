// Where the shape of a thing lies in a picture.
import type { Mask } from "../../core/mask.ts";

/** How much of the picture is inside, 0..1. */
export const areaOf = ({ inside }: Mask): number => inside.reduce((sum, value) => sum + value, 0) / inside.length;

/** The smallest box around what is inside, in whole pixels of a picture of that size. Something must be inside. */
export function boxOf(
  { width, height, inside }: Mask,
  picture: { readonly width: number; readonly height: number },
): { x: number; y: number; width: number; height: number } {
  let [left, top, right, bottom] = [width, height, 0, 0];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (!inside[y * width + x]) continue;
      left = Math.min(left, x);
      top = Math.min(top, y);
      right = Math.max(right, x + 1);
      bottom = Math.max(bottom, y + 1);
    }
  }
  const across = picture.width / width;
  const down = picture.height / height;
  const [x, y] = [Math.floor(left * across), Math.floor(top * down)];
  return { x, y, width: Math.ceil(right * across) - x, height: Math.ceil(bottom * down) - y };
}
