// A vision transformer's positions for images of another size: interpolated between those that were learned, as the
// authors of DINO do.
import { refusal } from "./file/byte-file.ts";
import type { FileTensor } from "./file/tensor.ts";

/** Sharpness of the cubic, as PyTorch has it. */
const A = -0.75;

/**
 * Positions [1, 1 + g², D], the class token's first, for a grid of `grid` × `grid` patches. Bicubic, as
 * torch.nn.functional.interpolate without align_corners.
 *
 * @throws AppError `invalid_checkpoint` where the positions are of no square.
 */
export function fitPositions(positions: FileTensor, grid: number): FileTensor {
  const [, tokens = 0, D = 0] = positions.shape;
  const side = Math.round(Math.sqrt(tokens - 1));
  if (positions.shape.length !== 3 || side * side !== tokens - 1 || side < 1) {
    throw refusal(`its positions of [${positions.shape}] are not those of a square of patches and a class token`);
  }
  if (side === grid) return positions;
  return {
    shape: [1, 1 + grid * grid, D],
    dtype: positions.dtype,
    read() {
      const from = positions.read();
      const to = new Float32Array((1 + grid * grid) * D);
      to.set(from.subarray(0, D));
      const taps = Array.from({ length: grid }, (_, i) => tapsOf(i, grid, side));
      for (let y = 0; y < grid; y++) {
        for (let x = 0; x < grid; x++) {
          const row = to.subarray((1 + y * grid + x) * D, (2 + y * grid + x) * D);
          for (const [sourceY, weightY] of taps[y]!) {
            for (const [sourceX, weightX] of taps[x]!) {
              const source = (1 + sourceY * side + sourceX) * D;
              for (let d = 0; d < D; d++) row[d]! += weightY * weightX * from[source + d]!;
            }
          }
        }
      }
      return to;
    },
  };
}

/** The four places of `side` that place `i` of `grid` is made of, and their shares. Beyond the edge the edge counts. */
function tapsOf(i: number, grid: number, side: number): [place: number, share: number][] {
  const at = ((i + 0.5) * side) / grid - 0.5;
  const left = Math.floor(at);
  return [-1, 0, 1, 2].map((step) => {
    const place = Math.min(side - 1, Math.max(0, left + step));
    return [place, cubic(Math.abs(at - (left + step)))];
  });
}

function cubic(x: number): number {
  if (x <= 1) return ((A + 2) * x - (A + 3)) * x * x + 1;
  return ((A * x - 5 * A) * x + 8 * A) * x - 4 * A;
}
