// The embedding of a part of a picture: the mean of the cells under its mask.
import type { Cells } from "../../core/cells.ts";
import type { Mask } from "../../core/mask.ts";
import { normalised } from "../../core/vector.ts";

/** Embeds what is inside a mask, of unit norm: [D]. Each cell counts by the pixels of the mask that lie in it. */
export function embedRegion(cells: Cells, { width, height, inside }: Mask): Float32Array {
  const weights = new Float32Array(cells.width * cells.height);
  for (const [i, value] of inside.entries()) {
    if (!value) continue;
    const row = Math.floor(((Math.floor(i / width) + 0.5) * cells.height) / height);
    const column = Math.floor((((i % width) + 0.5) * cells.width) / width);
    weights[row * cells.width + column]!++;
  }
  const D = cells.vectors.length / weights.length;
  const sum = new Float32Array(D);
  for (const [cell, weight] of weights.entries()) {
    if (weight === 0) continue;
    for (let d = 0; d < D; d++) sum[d]! += weight * cells.vectors[cell * D + d]!;
  }
  return normalised(sum);
}
