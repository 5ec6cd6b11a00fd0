// Matrix products.
import { apply, type Tensor } from "../tensor.ts";
import { broadcastShape, sumTo } from "./broadcast.ts";
import { transpose } from "./shape.ts";

/** a [… , M, P] · b [… , P, N] → [… , M, N]; leading dimensions broadcast. */
export function matmul(a: Tensor, b: Tensor): Tensor {
  const [m, p] = a.shape.slice(-2);
  const [p2, n] = b.shape.slice(-2);
  if (a.shape.length < 2 || b.shape.length < 2 || p !== p2) {
    throw new RangeError(`matmul: [${a.shape}] and [${b.shape}] do not multiply`);
  }
  return apply("MatMul", [a, b], {
    shape: [...broadcastShape(a.shape.slice(0, -2), b.shape.slice(0, -2), "matmul"), m!, n!],
    gradient: ([g]) => [sumTo(matmul(g!, transposed(b)), a.shape), sumTo(matmul(transposed(a), g!), b.shape)],
  });
}

/** Swaps the last two dimensions. */
export function transposed(x: Tensor): Tensor {
  const rank = x.shape.length;
  return transpose(
    x,
    [...x.shape.keys()].map((i) => (i < rank - 2 ? i : 2 * rank - 3 - i)),
  );
}

/**
 * Product of two matrices, each transposed first if asked. Transposing inside the product costs nothing.
 */
export function gemm(a: Tensor, b: Tensor, { transA = false, transB = false } = {}): Tensor {
  const [m, p] = transA ? [a.shape[1]!, a.shape[0]!] : [a.shape[0]!, a.shape[1]!];
  const [p2, n] = transB ? [b.shape[1]!, b.shape[0]!] : [b.shape[0]!, b.shape[1]!];
  if (a.shape.length !== 2 || b.shape.length !== 2 || p !== p2) {
    throw new RangeError(`gemm: [${a.shape}]${transA ? "ᵀ" : ""} and [${b.shape}]${transB ? "ᵀ" : ""} do not multiply`);
  }
  return apply("Gemm", [a, b], {
    shape: [m, n],
    attributes: { transA: transA ? 1 : 0, transB: transB ? 1 : 0 },
    gradient: ([g]) => [
      transA ? gemm(b, g!, { transA: transB, transB: true }) : gemm(g!, b, { transB: !transB }),
      transB ? gemm(g!, a, { transA: true, transB: transA }) : gemm(a, g!, { transA: !transA }),
    ],
  });
}

/** x [B, I] · weightᵀ [O, I] + bias [O] → [B, O], as torch.nn.Linear. One ONNX node. */
export function linear(x: Tensor, weight: Tensor, bias: Tensor): Tensor {
  if (x.shape.length !== 2 || weight.shape.length !== 2 || x.shape[1] !== weight.shape[1]) {
    throw new RangeError(`linear: input [${x.shape}] does not fit weight [${weight.shape}]`);
  }
  if (bias.shape.length !== 1 || bias.shape[0] !== weight.shape[0]) {
    throw new RangeError(`linear: bias [${bias.shape}] does not fit weight [${weight.shape}]`);
  }
  return apply("Gemm", [x, weight, bias], {
    shape: [x.shape[0]!, weight.shape[0]!],
    attributes: { transB: 1 },
    gradient: ([g]) => [gemm(g!, weight), gemm(g!, x, { transA: true }), sumTo(g!, bias.shape)],
  });
}
