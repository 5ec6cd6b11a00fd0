// How much memory a graph writes, counted instead of measured.
import { type DType, isView, sizeOf, type Tensor, topologicalOrder } from "./tensor.ts";

const BYTES: Readonly<Record<DType, number>> = { float32: 4, float16: 2, int64: 8, uint8: 1, bool: 1 };

/** Bytes of all results of one run of what `output` needs; inputs, constants and views of other tensors are not among them. */
export const intermediateBytes = (output: Tensor): number =>
  topologicalOrder([output])
    .filter((node) => node.op !== "Input" && node.op !== "Constant" && !isView(node))
    .flatMap(({ outputs }) => outputs)
    .reduce((sum, { shape, dtype }) => sum + sizeOf(shape) * BYTES[dtype], 0);
