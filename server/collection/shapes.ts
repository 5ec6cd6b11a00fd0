// The shape of a thing in a picture: found from a click, and embedded alone.
import { AppError } from "../../core/errors.ts";
import type { Mask } from "../../core/mask.ts";
import type { Decoder } from "../decoding/decoder.ts";
import { type AnsweredBy, answeredBy } from "../domain/generation.ts";
import type { Clicks, Shape } from "../domain/shape.ts";
import type { Generation } from "../generation/generation.ts";
import { planCut } from "../shapes/crops.ts";
import { areaOf, boxOf } from "../shapes/mask.ts";

/** What a shape is found with. */
export interface ShapeDeps {
  readonly generation: Pick<Generation, "number" | "card" | "findShape">;
  readonly decoder: Pick<Decoder, "inspect" | "pixels">;
}

/** The shape of a thing that was clicked on. */
export interface Segment extends AnsweredBy {
  readonly mask: Mask;
  /** The box around it, in pixels of the image as displayed: the `region` of a search. */
  readonly box: { readonly x: number; readonly y: number; readonly width: number; readonly height: number };
  /** Its share of the image, 0..1. */
  readonly area: number;
}

/**
 * Finds the shape under clicks on an image file.
 *
 * @throws AppError `no_cells` where the model cannot, and what decoding and the encoder throw.
 */
export async function findSegment(image: Uint8Array, clicks: Clicks, deps: ShapeDeps): Promise<Segment> {
  const { mask, displayed } = await find(image, clicks, deps);
  return { ...answeredBy(deps.generation), mask, box: boxOf(mask, displayed), area: areaOf(mask) };
}

/**
 * The embedding of a thing in an image file, of unit norm.
 *
 * @throws AppError as {@link findSegment}; `invalid_request` for a mask of other proportions than the image's, and
 *   `no_embedding` where the model has none for the thing.
 */
export async function embedShape(image: Uint8Array, shape: Shape, deps: ShapeDeps): Promise<Float32Array> {
  const { embedding } = await find(image, shape, deps);
  if (embedding.some((value) => value !== 0) && embedding.every(Number.isFinite)) return embedding;
  throw new AppError("no_embedding", "The model gives no usable embedding for this shape.");
}

async function find(image: Uint8Array, shape: Shape, { generation, decoder }: ShapeDeps) {
  const displayed = await decoder.inspect(image);
  if (!("outside" in shape)) checkProportions(shape, displayed);
  const { width, height } = planCut(displayed, generation.card.input);
  const pixels = await decoder.pixels(image, { width, height, fit: "fill" });
  return { displayed, ...(await generation.findShape({ pixels, displayed }, shape)) };
}

/** A mask covers the whole image; sides are whole pixels, so each may be off by one. */
function checkProportions(mask: Mask, { width, height }: { readonly width: number; readonly height: number }): void {
  const isOff = (side: number, expected: number) => Math.abs(side - expected) > 1;
  if (!isOff(mask.width, (mask.height * width) / height) || !isOff(mask.height, (mask.width * height) / width)) return;
  throw new AppError(
    "invalid_request",
    `Expected a mask of the proportions of its image, ${width}×${height}, but it has ${mask.width}×${mask.height}. A mask covers the whole image as displayed.`,
  );
}
