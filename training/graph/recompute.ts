// Activations that the backward pass computes again instead of keeping them in memory (Chen et al., arXiv 1604.06174,
// section 3). Only cheap ones, results of element-wise operators: half of what a residual network keeps.
import { rewrite, withInputs } from "./rewrite.ts";
import { apply, integers, isView, type Node, sizeOf, type Tensor, topologicalOrder } from "./tensor.ts";

const VALUE_BY_VALUE: ReadonlySet<string> = new Set(["Add", "Sub", "Mul", "Div", "Relu", "Sigmoid", "Exp", "Neg"]);
/** Elements of the smallest tensor that is worth another operator. */
const LEAST = 2 ** 16;

/**
 * The gradients of `loss` with the same values, in less memory and more time: activations are computed again from the
 * nearest costly results, those of convolutions and products.
 *
 * @param activations The nodes that gradients flow through. Others, such as the views, are kept.
 */
export function recomputeActivations(
  gradients: readonly Tensor[],
  loss: Tensor,
  activations: ReadonlySet<Node>,
): Tensor[] {
  const forward = new Set(topologicalOrder([loss]));
  const backward = topologicalOrder(gradients).filter((node) => !forward.has(node));
  const read = new Set(backward.flatMap(({ inputs }) => inputs.map(viewed)));
  const isDropped = (tensor: Tensor) => isCheap(tensor, read);
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
 * Whether a tensor is computed again, where the backward pass reads `read`. Not where its input is a costly result that
 * would have to be kept instead.
 */
function isCheap(tensor: Tensor, read: ReadonlySet<Tensor>): boolean {
  const { node, shape } = viewed(tensor);
  if (!VALUE_BY_VALUE.has(node.op) || sizeOf(shape) < LEAST) return false;
  const images = node.inputs.filter((input) => sizeOf(input.shape) === sizeOf(shape)).map(viewed);
  return images.every((image) => VALUE_BY_VALUE.has(image.node.op) || read.has(image));
}

/** What a tensor is a view of. */
const viewed = (tensor: Tensor): Tensor => (isView(tensor.node) ? viewed(tensor.node.inputs[0]!) : tensor);

/**
 * The same tensor as a node that onnxruntime does not merge with its equals: a Reshape to the same shape whose
 * `allowzero`, which changes nothing here, is unusual.
 */
export function distinct(x: Tensor): Tensor {
  return apply("Reshape", [x, integers(x.shape)], { shape: x.shape, attributes: { allowzero: 1 } });
}
