// A graph with some of its nodes replaced: what depends on them is copied, everything else is shared.
import { type Node, type Tensor, topologicalOrder } from "./tensor.ts";

/** What stands in for a node's outputs, given its inputs as they are now. {@link withInputs} keeps the node. */
export type Replacement = (node: Node, inputs: readonly Tensor[]) => readonly Tensor[];

/** The same outputs with every node that they need replaced, each after those it takes from. */
export function rewrite(outputs: readonly Tensor[], replace: Replacement): Tensor[] {
  const replaced = new Map<Tensor, Tensor>();
  const current = (tensor: Tensor) => replaced.get(tensor) ?? tensor;
  for (const node of topologicalOrder(outputs)) {
    const made = replace(node, node.inputs.map(current));
    node.outputs.forEach((output, i) => {
      if (made[i] !== output) replaced.set(output, made[i]!);
    });
  }
  return outputs.map(current);
}

/** The outputs of a node with other inputs: its own where they are its inputs. */
export function withInputs(node: Node, inputs: readonly Tensor[]): readonly Tensor[] {
  if (inputs.every((tensor, i) => tensor === node.inputs[i])) return node.outputs;
  const outputs: Tensor[] = [];
  const copy: Node = { ...node, inputs, outputs };
  for (const output of node.outputs) outputs.push({ ...output, node: copy });
  return outputs;
}
