// The views of a batch, computed inside the training graph from the stored bytes and a few small matrices.
import {
  add,
  cast,
  clip,
  constant,
  div,
  input,
  isPositive,
  matmul,
  mul,
  reduceMean,
  reshape,
  scalar,
  sub,
  type Tensor,
  transpose,
} from "../graph/index.ts";
import type { ViewSpec } from "./recipe.ts";

/** Per-channel mean and standard deviation of pixels in 0..1. */
export interface Normalisation {
  readonly mean: readonly number[];
  readonly std: readonly number[];
}

/** Every view of stored images uint8 [B, S₀, S₀, 3], by name → normalised [B, 3, S, S]. */
export function viewsOf<Name extends string>(
  images: Tensor,
  views: ReadonlyArray<ViewSpec<Name>>,
  normalisation: Normalisation,
): Record<Name, Tensor> {
  const entries = views.map((spec) => [spec.name, view(images, spec, normalisation)] as const);
  return Object.fromEntries(entries) as Record<Name, Tensor>;
}

/**
 * One view of stored images; takes the inputs `<name>.rows`, `.columns`, `.colour` and `.meanColour` of `drawViews`,
 * and `.solarized` where views of its recipe may be.
 */
function view(images: Tensor, { name, size: S, recipe }: ViewSpec, { mean, std }: Normalisation): Tensor {
  const [B, S0] = images.shape as [number, number];
  const rows = input(`${name}.rows`, [B, 1, S, S0]);
  const columns = input(`${name}.columns`, [B, 1, S0, S]);
  const colour = input(`${name}.colour`, [B, 3, 3]);
  const meanColour = input(`${name}.meanColour`, [B, 3, 3]);

  const planes = cast(transpose(images, [0, 3, 1, 2]), "float32"); // [B, 3, S0, S0]
  const cropped = reshape(matmul(matmul(rows, planes), columns), [B, 3, S * S]);
  const average = reduceMean(cropped, [2], { keepDims: true }); // [B, 3, 1]
  const coloured = add(matmul(colour, cropped), matmul(meanColour, average));
  const channels = (values: readonly number[]) => constant(Float32Array.from(values), [1, 3, 1]);
  const unit = clip(mul(coloured, scalar(1 / 255)), scalar(0), scalar(1));
  const isPlain = recipe === "whole" || recipe.solarize === undefined;
  const shown = isPlain ? unit : solarize(unit, input(`${name}.solarized`, [B, 1, 1]));
  return reshape(div(sub(shown, channels(mean)), channels(std)), [B, 3, S, S]);
}

/** Values in 0..1 from 128/255 on become 1 minus them, as PIL's ImageOps.solarize; `of` [B, 1, 1] is 1 or 0. */
function solarize(unit: Tensor, of: Tensor): Tensor {
  const turned = mul(of, isPositive(sub(unit, scalar(127.5 / 255))));
  return add(unit, mul(turned, sub(scalar(1), mul(unit, scalar(2)))));
}
