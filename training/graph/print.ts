// The graph as text, one node a line: for tests and for people.
import { type Attribute, type Tensor, topologicalOrder } from "./tensor.ts";

/** Prints what `outputs` need: `%2 = Conv(%0, %1) {group 1, …} : float32[2,8,16,16]`. */
export function printGraph(outputs: Readonly<Record<string, Tensor>>): string {
  const names = new Map<Tensor, string>();
  const lines: string[] = [];
  for (const node of topologicalOrder(Object.values(outputs))) {
    for (const output of node.outputs) names.set(output, node.name ? `%${node.name}` : `%${names.size}`);
    const left = node.outputs.map((t) => names.get(t)).join(", ");
    const right = node.outputs.map((t) => `${t.dtype}[${t.shape}]`).join(", ");
    const what = node.data ? printData(node.data) : `(${node.inputs.map((t) => names.get(t)).join(", ")})`;
    const attributes = Object.entries(node.attributes).map(([name, value]) => `${name} ${printAttribute(value)}`);
    lines.push(`${left} = ${node.op}${what}${attributes.length ? ` {${attributes.join(", ")}}` : ""} : ${right}`);
  }
  for (const [name, tensor] of Object.entries(outputs)) lines.push(`${name} ← ${names.get(tensor)}`);
  return lines.join("\n");
}

function printData(data: ArrayLike<number | bigint>): string {
  return data.length <= 8 ? `(${Array.from(data).join(", ")})` : `(${data.length} values)`;
}

function printAttribute(value: Attribute): string {
  if (typeof value === "object" && "float" in value) return String(value.float);
  return Array.isArray(value) ? `[${value}]` : String(value);
}
