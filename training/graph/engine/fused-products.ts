// Products of transposed matrices by onnxruntime's own operator, which transposes while it reads them.
import { rewriteNamed, withInputs } from "../rewrite.ts";
import { apply, type Tensor } from "../tensor.ts";

/** The same graph with products that transpose their operands themselves. */
export function fuseTransposes(outputs: Readonly<Record<string, Tensor>>): Record<string, Tensor> {
  return rewriteNamed(outputs, (node, inputs) => {
    const swapped = node.op === "MatMul" ? inputs.map(isSwap) : [];
    if (!swapped.includes(true)) return withInputs(node, inputs);
    const operands = inputs.map((x, i) => (swapped[i] ? x.node.inputs[0]! : x));
    const attributes = { transA: swapped[0] ? 1 : 0, transB: swapped[1] ? 1 : 0 };
    return [apply("com.microsoft::FusedMatMul", operands, { shape: node.outputs[0]!.shape, attributes })];
  });
}

/** Whether a tensor is another one with its last two dimensions exchanged. */
function isSwap({ node: { op, attributes } }: Tensor): boolean {
  if (op !== "Transpose") return false;
  const order = attributes.perm as readonly number[];
  const rank = order.length;
  return order.every((from, i) => from === (i < rank - 2 ? i : 2 * rank - 3 - i));
}
