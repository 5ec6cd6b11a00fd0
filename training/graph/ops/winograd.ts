// Winograd's minimal filtering (Lavin and Gray, arXiv 1509.09308): a 3×3 convolution of stride 1 as products of values
// at six points a side, with a quarter of the multiplications. Four output pixels a side make a tile. Every step is a
// Gemm that also transposes into the layout of the next, so that nothing is copied in between.
import { constant, type Form, type Shape, type Tensor } from "../tensor.ts";
import { reduceSum } from "./broadcast.ts";
import type { ConvGeometry } from "./conv-geometry.ts";
import { gemm, matmul, transposed } from "./matmul.ts";
import { reshape } from "./shape.ts";

const KERNEL = 3;
/** Where polynomials are evaluated, besides at infinity: the set with the smallest rounding errors of several tried. */
const POINTS = [0, 1, -1, 0.5, -2];
/** α: input values a side of a tile. */
const ALPHA = POINTS.length + 1;
/** Output pixels a side of a tile. */
const TILE = ALPHA - KERNEL + 1;

type Matrix = readonly (readonly number[])[];

/** Whether a convolution can be computed this way. */
export const fitsWinograd = ([, , kh, kw]: Shape, { stride, padding, groups }: ConvGeometry): boolean =>
  kh === KERNEL && kw === KERNEL && stride === 1 && padding < KERNEL && groups === 1;

/** From this many input and output channels on, it is the fastest form on most machines. */
const MANY_CHANNELS = 128;

/**
 * Adds Winograd's form to `forms`: as the first where there are many channels, beside which its transforms cost little.
 */
export function winogradBeside(
  forms: Readonly<Record<string, Form>>,
  winograd: Form,
  [o, c]: Shape,
): Record<string, Form> {
  return Math.min(o!, c!) >= MANY_CHANNELS ? { winograd, ...forms } : { ...forms, winograd };
}

/** x [N, C, H, W] ⋆ weight [O, C, 3, 3] → [N, O, H', W']. */
export function winogradConv(x: Tensor, weight: Tensor, padding: number): Tensor {
  return filtered(x, transposed(points(weight, TOOM_COOK.taps)), padding);
}

/** The input gradient: the convolution of g [N, O, h, w] with the flipped weight [O, C, 3, 3]. */
export function winogradInputGradient(weight: Tensor, g: Tensor, padding: number): Tensor {
  const flipped = TOOM_COOK.taps.map((row) => [...row].reverse());
  return filtered(g, points(weight, flipped), KERNEL - 1 - padding);
}

/** The weight gradient [O, C, 3, 3] from x [N, C, H, W] and g [N, O, h, w], summed over the tiles. */
export function winogradWeightGradient(x: Tensor, g: Tensor, padding: number): Tensor {
  const [, , h, w] = g.shape as [number, number, number, number];
  const [o, c] = [g.shape[1]!, x.shape[1]!];
  const values = spread(x, inputMatrix(x.shape[2]!, h, padding), inputMatrix(x.shape[3]!, w, padding));
  const products = spread(g, outputMatrix(h), outputMatrix(w));
  const byPoint = reduceSum(matmul(transposed(products), values), [1]); // [α, α, O, C]
  const taps = toConstant(kronecker(TOOM_COOK.taps, TOOM_COOK.taps));
  return reshape(gemm(reshape(byPoint, [ALPHA * ALPHA, o * c]), taps, { transA: true }), [o, c, KERNEL, KERNEL]);
}

/** x [N, C, H, W] times the weights [α, 1, α, C, O], one product for each point → [N, O, H', W']. */
function filtered(x: Tensor, weights: Tensor, padding: number): Tensor {
  const [n, , height, width] = x.shape as [number, number, number, number];
  const [h, w] = [height + 2 * padding - KERNEL + 1, width + 2 * padding - KERNEL + 1];
  const o = weights.shape.at(-1)!;
  const products = matmul(spread(x, inputMatrix(height, h, padding), inputMatrix(width, w, padding)), weights);
  const rows = gemm(reshape(products, [ALPHA * tiles(h), -1]), outputMatrix(h), { transA: true });
  return reshape(gemm(reshape(rows, [ALPHA * tiles(w), -1]), outputMatrix(w), { transA: true }), [n, o, h, w]);
}

/** Applies matrices [α·tiles, H] and [α·tiles, W] to both sides of x [N, C, H, W] → [α, tiles, α, tiles·N, C]. */
function spread(x: Tensor, rows: Tensor, columns: Tensor): Tensor {
  const [n, c, height, width] = x.shape as [number, number, number, number];
  const byColumn = gemm(columns, reshape(x, [n * c * height, width]), { transB: true });
  const byPoint = gemm(rows, reshape(byColumn, [columns.shape[0]! * n * c, height]), { transB: true });
  return reshape(byPoint, [ALPHA, rows.shape[0]! / ALPHA, ALPHA, (columns.shape[0]! / ALPHA) * n, c]);
}

/** weight [O, C, 3, 3] at every point: [α, 1, α, O, C]. */
function points(weight: Tensor, taps: Matrix): Tensor {
  const [o, c] = weight.shape as [number, number];
  const flat = reshape(weight, [o * c, KERNEL * KERNEL]);
  return reshape(gemm(toConstant(kronecker(taps, taps)), flat, { transB: true }), [ALPHA, 1, ALPHA, o, c]);
}

const tiles = (outputs: number) => Math.ceil(outputs / TILE);

/** Bᵀ for all tiles of one side, padding included: [α·tiles, size]. */
function inputMatrix(size: number, outputs: number, padding: number): Tensor {
  return tiled(outputs, size, (point, tile, at) => TOOM_COOK.input[point]![at + padding - TILE * tile]);
}

/** A for all tiles of one side: [α·tiles, outputs]. */
function outputMatrix(outputs: number): Tensor {
  return tiled(outputs, outputs, (point, tile, at) => TOOM_COOK.output[at - TILE * tile]?.[point]);
}

function tiled(
  outputs: number,
  size: number,
  value: (point: number, tile: number, at: number) => number | undefined,
): Tensor {
  const count = tiles(outputs);
  const row = (i: number) => Array.from({ length: size }, (_, at) => value(Math.floor(i / count), i % count, at) ?? 0);
  return toConstant(Array.from({ length: ALPHA * count }, (_, i) => row(i)));
}

const toConstant = (m: Matrix) => constant(Float32Array.from(m.flat()), [m.length, m[0]!.length]);

const kronecker = (a: Matrix, b: Matrix): Matrix =>
  a.flatMap((rowA) => b.map((rowB) => rowA.flatMap((u) => rowB.map((v) => u * v))));

/**
 * Toom and Cook's construction of y = Aᵀ[(G w) ⊙ (Bᵀ x)], which filters α values x with taps w: products of polynomials
 * by their values at points. Gives Bᵀ [α][α], G [α][taps] and Aᵀ [outputs][α].
 */
function toomCook(at: readonly number[], taps: number): Readonly<Record<"input" | "taps" | "output", Matrix>> {
  const outputs = at.length + 2 - taps;
  const powers = (p: number, count: number) => Array.from({ length: count }, (_, i) => p ** i);
  const infinity = (count: number) => powers(0, count).reverse();
  const others = at.map((p) => at.filter((q) => q !== p));
  const scale = at.map((p, j) => others[j]!.reduce((product, q) => product * (p - q), 1));
  const columns = [...at.map((p) => powers(p, outputs)), infinity(outputs)];
  return {
    input: [...others.map((roots) => [...polynomial(roots), 0]), polynomial(at)],
    taps: [...at.map((p, j) => powers(p, taps).map((v) => v / scale[j]!)), infinity(taps)],
    output: Array.from({ length: outputs }, (_, i) => columns.map((column) => column[i]!)),
  };
}

/** Coefficients of Π (x − root), lowest power first. */
function polynomial(roots: readonly number[]): number[] {
  const times = (p: number[], root: number) =>
    Array.from({ length: p.length + 1 }, (_, i) => (p[i - 1] ?? 0) - root * (p[i] ?? 0));
  return roots.reduce(times, [1]);
}

const TOOM_COOK = toomCook(POINTS, KERNEL);
