// How much a graph computes, counted instead of timed.
import { type Node, sizeOf, type Tensor, topologicalOrder } from "./tensor.ts";

/**
 * Multiplications of one run of what `outputs` need: those of convolutions and matrix products, and four for each value
 * that is interpolated. Element-wise operators are not counted, as is usual.
 */
export const multiplications = (outputs: readonly Tensor[]): number =>
  topologicalOrder(outputs).reduce((sum, node) => sum + ofNode(node), 0);

function ofNode({ op, inputs, outputs, attributes }: Node): number {
  const values = sizeOf(outputs[0]?.shape ?? []);
  switch (op) {
    case "Conv": // each output value takes the weights of one output channel
      return values * sizeOf(inputs[1]!.shape.slice(1));
    case "ConvTranspose": // each input value is multiplied with the weights of one input channel
      return sizeOf(inputs[0]!.shape) * sizeOf(inputs[1]!.shape.slice(1));
    case "MatMul":
      return values * inputs[0]!.shape.at(-1)!;
    case "Gemm":
      return values * inputs[0]!.shape[attributes.transA ? 0 : 1]!;
    case "Resize":
    case "GridSample":
      return 4 * values;
    default:
      return 0;
  }
}
