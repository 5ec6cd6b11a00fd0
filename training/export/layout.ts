// How much the layout of an image counts in what is searched with: see docs/decisions/0012-layout.md.
import type { Dataset } from "../data/dataset.ts";

/** What of a data set is looked at. */
type Records = Pick<Dataset, "width" | "height" | "read">;

/** How much layout counts among photographs, each laid out in its own way. */
const LAYOUT = 0.4;
/** And where images share their layout, as those of a catalogue, a scanner or a fixed camera do. */
const ALIGNED_LAYOUT = 0.8;
/** From this share on images count as laid out alike: garments have 0.45, street scenes 0.70, photographs 0.02 to 0.03. */
const ALIGNED = 0.3;

/** Cells along each side of an image that are compared. */
const CELLS = 8;

/** How much the layout counts for images like those at `indices`. */
export async function layoutFor(dataset: Records, indices: Uint32Array): Promise<number> {
  return (await sharedLayout(dataset, indices)) < ALIGNED ? LAYOUT : ALIGNED_LAYOUT;
}

/**
 * How much images are laid out alike, 0..1: of what the cells of an image differ by from its mean colour, the part that
 * their mean over all images has, in squares.
 */
export async function sharedLayout({ width, height, read }: Records, indices: Uint32Array): Promise<number> {
  const mean = new Float64Array(CELLS * CELLS * 3);
  const pixels = new Uint8Array(width * height * 3);
  let ofEach = 0;
  for (const index of indices) {
    await read([index], pixels);
    const contrasts = cellContrasts(pixels, width, height);
    ofEach += squares(contrasts) / indices.length;
    for (const [i, value] of contrasts.entries()) mean[i]! += value / indices.length;
  }
  const [ofMean, count] = [squares(mean), indices.length];
  if (count < 2 || ofEach === 0) return 0;
  return Math.max(0, (count * ofMean - ofEach) / ((count - 1) * ofEach)); // the mean of a few unlike images differs too
}

/** What the mean colour of each cell of an image differs by from that of the image: [cells, 3]. */
function cellContrasts(pixels: Uint8Array, width: number, height: number): Float64Array {
  const sums = new Float64Array(CELLS * CELLS * 3);
  const counts = new Float64Array(CELLS * CELLS);
  const whole = [0, 0, 0];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const cell = Math.floor((y * CELLS) / height) * CELLS + Math.floor((x * CELLS) / width);
      counts[cell]!++;
      for (let channel = 0; channel < 3; channel++) {
        const value = pixels[(y * width + x) * 3 + channel]!;
        sums[cell * 3 + channel]! += value;
        whole[channel]! += value;
      }
    }
  }
  return sums.map((sum, i) => {
    const count = counts[Math.floor(i / 3)]!;
    return count > 0 ? sum / count - whole[i % 3]! / (width * height) : 0;
  });
}

const squares = (values: Float64Array): number => values.reduce((sum, value) => sum + value * value, 0);
