// A graph with some of its nodes replaced: what depends on them is copied, everything else is shared.
import { type Node, type Tensor, topologicalOrder } from "./tensor.ts";

/**
 * Gives the tensors that replace a node's outputs, from its inputs after their own replacement. {@link withInputs}
 * keeps the node.
 */
export type Replacement = (node: Node, inputs: readonly Tensor[]) => readonly Tensor[];

/** Replaces every node that `outputs` need, inputs first, and returns the outputs of the new graph. */
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

/** The same for outputs with names. */
export function rewriteNamed(outputs: Readonly<Record<string, Tensor>>, replace: Replacement): Record<string, Tensor> {
  const tensors = rewrite(Object.values(outputs), replace);
  return Object.fromEntries(Object.keys(outputs).map((name, i) => [name, tensors[i]!]));
}

/** The outputs of a node given these inputs: the node's own where its inputs are the same, else those of a copy. */
export function withInputs(node: Node, inputs: readonly Tensor[]): readonly Tensor[] {
  if (inputs.every((tensor, i) => tensor === node.inputs[i])) return node.outputs;
  const outputs: Tensor[] = [];
  const copy: Node = { ...node, inputs, outputs };
  for (const output of node.outputs) outputs.push({ ...output, node: copy });
  return outputs;
}
