// Activations that the backward pass computes once more instead of finding them in memory. Only what is cheap: results of
// operators that work value by value (Chen et al., arXiv 1604.06174, section 3), half of what a residual network keeps.
import { rewrite, withInputs } from "./rewrite.ts";
import { apply, integers, type Node, sizeOf, type Tensor, topologicalOrder } from "./tensor.ts";

const VALUE_BY_VALUE: ReadonlySet<string> = new Set(["Add", "Sub", "Mul", "Div", "Relu", "Sigmoid", "Exp", "Neg"]);
/** Same values, same memory. */
const VIEWS: ReadonlySet<string> = new Set(["Reshape", "Identity"]);
/** Smaller tensors are not worth an operator, values. */
const LEAST = 2 ** 16;

/**
 * The same gradients of `loss` with the same values, from less memory in more time: activations are computed again from the
 * nearest results that are costly, those of convolutions and products.
 *
 * @param activations The nodes through which gradients flow: what is made of images alone is kept.
 */
export function recomputeActivations(
  gradients: readonly Tensor[],
  loss: Tensor,
  activations: ReadonlySet<Node>,
): Tensor[] {
  const forward = new Set(topologicalOrder([loss]));
  const repeated = new Map<Tensor, Tensor>();
  const repeat = (tensor: Tensor): Tensor => {
    const known = repeated.get(tensor);
    if (known) return known;
    const { node } = tensor;
    let again = tensor;
    if (isDropped(tensor)) again = withInputs(node, node.inputs.map(repeat))[node.outputs.indexOf(tensor)]!;
    else if (sizeOf(tensor.shape) >= LEAST) again = distinct(tensor);
    repeated.set(tensor, again);
    return again;
  };
  return rewrite(gradients, (node, inputs) => {
    if (forward.has(node)) return node.outputs;
    const needed = inputs.map((tensor) =>
      activations.has(tensor.node) && isDropped(tensor) ? repeat(tensor) : tensor,
    );
    return withInputs(node, needed);
  });
}

/**
 * Whether a tensor is computed again. The first result after a costly one is kept: computing it again would keep the costly
 * one in its place.
 */
function isDropped({ node, shape }: Tensor): boolean {
  if (VIEWS.has(node.op)) return isDropped(node.inputs[0]!);
  if (!VALUE_BY_VALUE.has(node.op) || sizeOf(shape) < LEAST) return false;
  return node.inputs.filter((input) => sizeOf(input.shape) === sizeOf(shape)).every(isValueByValue);
}

function isValueByValue({ node }: Tensor): boolean {
  return VIEWS.has(node.op) ? isValueByValue(node.inputs[0]!) : VALUE_BY_VALUE.has(node.op);
}

/**
 * The same tensor, which onnxruntime does not take to be the same: a view with its own shape. It merges nodes that compute the same
 * from the same; from another attribute, here one that says what sizes of 0 would mean, it takes two nodes to be different.
 */
export function distinct(x: Tensor): Tensor {
  return apply("Reshape", [x, integers(x.shape)], { shape: x.shape, attributes: { allowzero: 1 } });
}
