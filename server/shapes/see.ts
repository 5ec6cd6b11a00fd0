// A picture looked at closely, and the thing in it that was asked for. This is computed in the encoder's process, beside
// its cells: it takes tens of milliseconds, in which a server would answer nobody.
import type { Cells } from "../../core/cells.ts";
import type { EncoderSession } from "../../core/encoder-session.ts";
import type { Mask } from "../../core/mask.ts";
import type { Shape } from "../domain/shape.ts";
import { cutCrops, joinCells, planCut } from "./crops.ts";
import { embedRegion } from "./region.ts";
import { type SeenPicture, segment } from "./segment.ts";

/** A picture as it is looked at. */
export interface Picture {
  /** RGB bytes of the size that `planCut` says: [height, width, 3]. */
  readonly pixels: Uint8Array;
  /** Its own size as displayed, pixels. */
  readonly displayed: { readonly width: number; readonly height: number };
}

/** The thing that was asked for. */
export interface FoundShape {
  readonly mask: Mask;
  /** [D], of unit norm; not finite or 0 where the model has none for it. */
  readonly embedding: Float32Array;
}

/** Crops of one run. Between two runs the encoder takes what else waits. */
const BATCH = 16;

/**
 * Finds the thing under clicks, or takes its mask, and embeds it.
 *
 * @param onBatch Called after each run of the encoder.
 * @throws AppError `no_cells` where the model has none.
 */
export async function findShape(
  session: Pick<EncoderSession, "card" | "cells">,
  picture: Picture,
  shape: Shape,
  onBatch: () => void = () => {},
): Promise<FoundShape> {
  const seen = await see(session, picture, onBatch);
  const mask = "outside" in shape ? segment(seen, shape) : shape;
  return { mask, embedding: embedRegion(seen.cells, mask) };
}

/** Reads the cells of a picture. Parameters and errors as {@link findShape}. */
export async function see(
  { card, cells }: Pick<EncoderSession, "card" | "cells">,
  { pixels, displayed }: Picture,
  onBatch: () => void = () => {},
): Promise<SeenPicture> {
  const cut = planCut(displayed, card.input);
  const { width, height } = cut;
  const crops = cutCrops(pixels, cut);
  const count = cut.columns.length * cut.rows.length;
  const imageBytes = crops.length / count;
  const parts: Cells[] = [];
  for (let first = 0; first < count; first += BATCH) {
    const size = Math.min(BATCH, count - first);
    parts.push(await cells(crops.subarray(first * imageBytes, (first + size) * imageBytes), size));
    onBatch();
  }
  return { cells: joinCells(parts, cut), pixels, width, height, displayed };
}
