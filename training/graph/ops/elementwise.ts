// Element-wise operators with NumPy broadcasting.
import { apply, type DType, scalar, type Tensor } from "../tensor.ts";
import { broadcastShape, sumTo } from "./broadcast.ts";

type PairRule = (g: Tensor) => [Tensor, Tensor];

function binary(op: string, a: Tensor, b: Tensor, rule: PairRule): Tensor {
  return apply(op, [a, b], {
    shape: broadcastShape(a.shape, b.shape, op),
    gradient: ([g]) => {
      const [ga, gb] = rule(g!);
      return [sumTo(ga, a.shape), sumTo(gb, b.shape)];
    },
  });
}

function unary(op: string, x: Tensor, rule: (g: Tensor, y: Tensor) => Tensor): Tensor {
  const y: Tensor = apply(op, [x], { shape: x.shape, gradient: ([g]) => [rule(g!, y)] });
  return y;
}

/** a + b */
export const add = (a: Tensor, b: Tensor): Tensor => binary("Add", a, b, (g) => [g, g]);
/** a − b */
export const sub = (a: Tensor, b: Tensor): Tensor => binary("Sub", a, b, (g) => [g, neg(g)]);
/** a · b */
export const mul = (a: Tensor, b: Tensor): Tensor => binary("Mul", a, b, (g) => [mul(g, b), mul(g, a)]);
/** a / b */
export const div = (a: Tensor, b: Tensor): Tensor =>
  binary("Div", a, b, (g) => [div(g, b), neg(div(mul(g, a), mul(b, b)))]);

/** −x */
export const neg = (x: Tensor): Tensor => unary("Neg", x, (g) => neg(g));
/** eˣ */
export const exp = (x: Tensor): Tensor => unary("Exp", x, (g, y) => mul(g, y));
/** ln x */
export const log = (x: Tensor): Tensor => unary("Log", x, (g) => div(g, x));
/** √x */
export const sqrt = (x: Tensor): Tensor => unary("Sqrt", x, (g, y) => div(g, add(y, y)));
/** 1 / (1 + e⁻ˣ) */
export const sigmoid = (x: Tensor): Tensor => unary("Sigmoid", x, (g, y) => mul(g, sub(y, mul(y, y))));
/** max(x, 0); the gradient at 0 is 0, as in PyTorch. */
export const relu = (x: Tensor): Tensor => unary("Relu", x, (g, y) => mul(g, reluSlope(y)));

/** 1 where y > 0, else 0: as a sigmoid this steep one operator instead of two. y below 3e-39 is between 0 and 1. */
const reluSlope = (y: Tensor): Tensor =>
  apply("HardSigmoid", [y], {
    shape: y.shape,
    attributes: { alpha: { float: 3e38 }, beta: { float: 0 } },
    parents: [],
  });

/** The error function, 2/√π ∫₀ˣ e^(−t²) dt. */
export const erf = (x: Tensor): Tensor =>
  unary("Erf", x, (g) => mul(g, mul(exp(neg(mul(x, x))), scalar(2 / Math.sqrt(Math.PI)))));
/** x · Φ(x) with the normal distribution's Φ, as torch.nn.GELU. */
export const gelu = (x: Tensor): Tensor => mul(mul(x, add(erf(div(x, scalar(Math.SQRT2))), scalar(1))), scalar(0.5));

/** 1 where x > 0, else 0, as float32. No gradient flows through it. */
export function isPositive(x: Tensor): Tensor {
  const greater = apply("Greater", [x, scalar(0)], { shape: x.shape, dtype: "bool", parents: [] });
  return cast(greater, "float32");
}

/** 1 where a = b, else 0, as float32. No gradient flows through it. */
export function equal(a: Tensor, b: Tensor): Tensor {
  const shape = broadcastShape(a.shape, b.shape, "Equal");
  return cast(apply("Equal", [a, b], { shape, dtype: "bool", parents: [] }), "float32");
}

/** Limits values to `low`..`high`. It has no gradient rule: only pixels are clipped. */
export function clip(x: Tensor, low: Tensor, high: Tensor): Tensor {
  return apply("Clip", [x, low, high], { shape: x.shape });
}

/** Converts the element type. Between float types the gradient is cast back. */
export function cast(x: Tensor, dtype: DType): Tensor {
  if (x.dtype === dtype) return x;
  return apply("Cast", [x], {
    shape: x.shape,
    dtype,
    attributes: { to: ONNX_TYPES[dtype] },
    gradient: ([g]) => [x.dtype === "float32" || x.dtype === "float16" ? cast(g!, x.dtype) : undefined],
  });
}

/** TensorProto.DataType of each element type (onnx.proto3). */
export const ONNX_TYPES: Readonly<Record<DType, number>> = { float32: 1, uint8: 2, int64: 7, bool: 9, float16: 10 };
