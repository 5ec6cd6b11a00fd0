// Convolutions as products of values at few points of each axis (filtering.ts): at stride 1 a 3×3 kernel takes a
// quarter of the multiplications. Every step is a Gemm that also transposes into the layout of the next, so that nothing
// is copied in between. Both gradients are the same three steps with the matrices of input and output exchanged.
import { constant, type Form, type Shape, type Tensor } from "../tensor.ts";
import { reduceSum } from "./broadcast.ts";
import type { ConvGeometry } from "./conv-geometry.ts";
import { type Filtering, filtering, type Matrix } from "./filtering.ts";
import { gemm, matmul, transposed } from "./matmul.ts";
import { reshape } from "./shape.ts";

/** The filtering of both axes of an image. */
interface Filterings {
  readonly rows: Filtering;
  readonly columns: Filtering;
}

/** From this many input and output channels on, it is the fastest form on most machines. */
const MANY_CHANNELS = 128;

/** A convolution and its gradients in this form. */
export interface Winograd {
  /** x [N, C, H, W], weight [O, C, kH, kW] → [N, O, h, w]. */
  readonly conv: Form;
  /** weight, g [N, O, h, w] → [N, C, H, W]. */
  readonly inputGradient: Form;
  /** x, g → [O, C, kH, kW]. */
  readonly weightGradient: Form;
}

/** The forms for images of `xShape` and weights of `wShape`, or undefined where they cannot compute the convolution. */
export function winograd(
  xShape: Shape,
  wShape: Shape,
  { stride, padding, groups }: ConvGeometry,
): Winograd | undefined {
  const [rows, columns] = [2, 3].map((axis) =>
    filtering({ size: xShape[axis]!, kernel: wShape[axis]!, stride, padding }),
  );
  if (!rows || !columns || groups > 1) return undefined;
  const by = { rows, columns };
  // Both gradients read g at its points: where both have this form, that is computed once.
  let last: { readonly g: Tensor; readonly atPoints: Tensor } | undefined;
  const spreadGradient = (g: Tensor) => {
    if (last?.g !== g) last = { g, atPoints: spread(g, by, "output") };
    return last.atPoints;
  };
  return {
    conv: (x, weight) => collect(matmul(spread(x!, by, "input"), transposed(atPoints(weight!, by))), by, "output"),
    inputGradient: (weight, g) => collect(matmul(spreadGradient(g!), atPoints(weight!, by)), by, "input"),
    weightGradient: (x, g) => weightGradient(spread(x!, by, "input"), spreadGradient(g!), by, wShape),
  };
}

/** Adds a form of Winograd's to `forms`: as the first where there are many channels, beside which it costs little. */
export function winogradBeside(
  forms: Readonly<Record<string, Form>>,
  winograd: Form | undefined,
  [o, c]: Shape,
): Record<string, Form> {
  if (!winograd) return forms;
  return Math.min(o!, c!) >= MANY_CHANNELS ? { winograd, ...forms } : { ...forms, winograd };
}

/** x [N, C, H, W] at the points of its tiles: [points, tiles, points, tiles·N, C]. */
function spread(x: Tensor, { rows, columns }: Filterings, side: "input" | "output"): Tensor {
  const [n, c, height, width] = x.shape as [number, number, number, number];
  const byColumn = gemm(toConstant(columns[side]), reshape(x, [n * c * height, width]), { transB: true });
  const flat = reshape(byColumn, [columns.points * columns.tiles * n * c, height]);
  const byPoint = gemm(toConstant(rows[side]), flat, { transB: true });
  return reshape(byPoint, [rows.points, rows.tiles, columns.points, columns.tiles * n, c]);
}

/** From values at points [points, tiles, points, tiles·N, O] back to images [N, O, H, W]. */
function collect(products: Tensor, { rows, columns }: Filterings, side: "input" | "output"): Tensor {
  const o = products.shape[4]!;
  const n = products.shape[3]! / columns.tiles;
  const [h, w] = [rows[side][0]!.length, columns[side][0]!.length];
  const byRow = gemm(reshape(products, [rows.points * rows.tiles, -1]), toConstant(rows[side]), { transA: true });
  const flat = reshape(byRow, [columns.points * columns.tiles, n * o * h]);
  return reshape(gemm(flat, toConstant(columns[side]), { transA: true }), [n, o, h, w]);
}

/** weight [O, C, kH, kW] at every point: [points, 1, points, O, C]. */
function atPoints(weight: Tensor, { rows, columns }: Filterings): Tensor {
  const [o, c, kh, kw] = weight.shape as [number, number, number, number];
  const taps = toConstant(kronecker(rows.taps, columns.taps));
  const values = gemm(taps, reshape(weight, [o * c, kh * kw]), { transB: true });
  return reshape(values, [rows.points, 1, columns.points, o, c]);
}

/** The products of x and g at every point, summed over tiles and images. */
function weightGradient(x: Tensor, g: Tensor, { rows, columns }: Filterings, wShape: Shape): Tensor {
  const [o, c] = wShape as [number, number];
  const byPoint = reduceSum(matmul(transposed(g), x), [1]); // [points, points, O, C]
  const taps = toConstant(kronecker(rows.taps, columns.taps));
  const flat = reshape(byPoint, [rows.points * columns.points, o * c]);
  return reshape(gemm(flat, taps, { transA: true }), wShape);
}

const toConstant = (m: Matrix) => constant(Float32Array.from(m.flat()), [m.length, m[0]!.length]);

const kronecker = (a: Matrix, b: Matrix): Matrix =>
  a.flatMap((rowA) => b.map((rowB) => rowA.flatMap((u) => rowB.map((v) => u * v))));
