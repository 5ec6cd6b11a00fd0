// Reverse-mode differentiation: emits the nodes that compute the gradient of a scalar.
import { add } from "./ops/elementwise.ts";
import { recomputeActivations } from "./recompute.ts";
import { filled, type Node, sameShape, type Tensor, topologicalOrder } from "./tensor.ts";

/** How gradients are computed. */
export interface GradientOptions {
  /**
   * Computes cheap activations again in the backward pass instead of keeping them: less memory, more time.
   *
   * @default false
   */
  readonly recompute?: boolean;
}

/**
 * The gradient of `loss` (shape `[]`) with respect to each tensor of `wrt`, with the tensor's shape.
 *
 * @throws where an operator between them has no gradient rule, or a tensor of `wrt` does not influence the loss.
 */
export function gradients(loss: Tensor, wrt: readonly Tensor[], { recompute = false }: GradientOptions = {}): Tensor[] {
  if (loss.shape.length > 0) throw new RangeError(`gradients: expected a scalar loss but received [${loss.shape}]`);
  const order = topologicalOrder([loss], (node) => node.parents);
  const active = nodesFrom(wrt, order);
  const gradientOf = new Map<Tensor, Tensor>([[loss, filled([], 1)]]);
  for (const node of order.reverse()) {
    const outputs = node.outputs.map((output) => gradientOf.get(output));
    const isWanted = node.parents.map((parent) => active.has(parent.node));
    if (outputs.every((g) => !g) || !isWanted.includes(true)) continue;
    if (!node.gradient) throw new Error(`gradients: ${node.op} has no gradient rule`);
    const flowing = node.gradient(outputs, isWanted);
    node.parents.forEach((parent, i) => {
      const gradient = flowing[i];
      if (!gradient || !isWanted[i]) return;
      if (!sameShape(gradient.shape, parent.shape)) {
        throw new Error(`gradients: the rule of ${node.op} gave [${gradient.shape}] for an input of [${parent.shape}]`);
      }
      const sum = gradientOf.get(parent);
      gradientOf.set(parent, sum ? add(sum, gradient) : gradient);
    });
  }
  const found = wrt.map((tensor) => {
    const gradient = gradientOf.get(tensor);
    if (!gradient) throw new Error(`gradients: the loss does not depend on ${tensor.node.name ?? tensor.node.op}`);
    return gradient;
  });
  return recompute ? recomputeActivations(found, loss, active) : found;
}

/** The nodes that depend on a tensor of `wrt`, and the nodes of `wrt` themselves. */
function nodesFrom(wrt: readonly Tensor[], order: readonly Node[]): Set<Node> {
  const active = new Set(wrt.map((tensor) => tensor.node));
  for (const node of order) if (node.parents.some((parent) => active.has(parent.node))) active.add(node);
  return active;
}
