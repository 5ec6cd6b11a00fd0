// Reshapes that a graph can do without. Each node costs onnxruntime some microseconds, and a step has hundreds of them.
import { rewriteNamed, withInputs } from "../rewrite.ts";
import { sameShape, sizeOf, type Tensor } from "../tensor.ts";

/** Up to so many values, a reshape that changes nothing is left out. That of an image hides its shape (compile.ts). */
const FEW_VALUES = 2 ** 14;

/** The same graph with reshapes of reshapes as one, and without those of few values to the shape that they have. */
export const mergeReshapes = (outputs: Readonly<Record<string, Tensor>>): Record<string, Tensor> =>
  rewriteNamed(outputs, (node, inputs) => {
    if (node.op !== "Reshape") return withInputs(node, inputs);
    const [x, shape] = inputs as [Tensor, Tensor];
    const source = x.node.op === "Reshape" ? x.node.inputs[0]! : x;
    const changesNothing = sameShape(source.shape, node.outputs[0]!.shape);
    return changesNothing && sizeOf(source.shape) <= FEW_VALUES ? [source] : withInputs(node, [source, shape]);
  });
