// State that a graph updates at every step without allocating: most of it is overwritten in place; parameters that the
// backward pass still reads have two buffers, which swap roles.
import { type CompileOptions, compile, isView, type Node, type Tensor, topologicalOrder } from "../index.ts";
import type { CompiledGraph, StatefulGraph } from "./compile.ts";
import { compileResident } from "./resident.ts";

/**
 * Compiles a graph that maps state to next state.
 *
 * @param outputs What a step returns.
 * @param next State by input name → its value after the step.
 * @param initial State before the first step. Its arrays are overwritten later.
 */
export async function compileStateful(
  outputs: Readonly<Record<string, Tensor>>,
  next: ReadonlyMap<string, Tensor>,
  initial: ReadonlyMap<string, Float32Array>,
  options: CompileOptions = {},
): Promise<StatefulGraph> {
  if (options.providers?.[0] === "webgpu") return compileResident(outputs, next, initial, options);
  const nextName = (name: string) => `next.${name}`;
  const ports = Object.fromEntries([...next].map(([name, tensor]) => [nextName(name), tensor]));
  const graph: CompiledGraph = await compile({ ...outputs, ...ports }, options);
  const overwritten = overwritable(outputs, next);
  let current = new Map<string, Float32Array>([...next.keys()].map((name) => [name, initial.get(name)!]));
  let spare = new Map<string, Float32Array>(
    [...current].map(([name, values]) => [name, overwritten.has(name) ? values : new Float32Array(values.length)]),
  );
  return {
    state: async () => current,
    async step(feeds) {
      const into = Object.fromEntries([...spare].map(([name, values]) => [nextName(name), values]));
      const results = await graph.run({ ...feeds, ...Object.fromEntries(current) }, into);
      [current, spare] = [spare, current];
      return Object.fromEntries(Object.keys(outputs).map((name) => [name, results[name] as Float32Array]));
    },
    release: () => graph.release(),
  };
}

/** Whether who reads a node's result may read its input: of a view, or of what onnxruntime fuses into a product. */
const readsThrough = (node: Node): boolean => isView(node) || node.op === "Transpose";

/** Names of the state that may be overwritten in place: all that reads it is computed before its next value. */
function overwritable(
  outputs: Readonly<Record<string, Tensor>>,
  next: ReadonlyMap<string, Tensor>,
): ReadonlySet<string> {
  const readers = new Map<string, Node[]>();
  for (const node of topologicalOrder([...Object.values(outputs), ...next.values()])) {
    for (let { node: source } of node.inputs) {
      while (readsThrough(source)) source = source.inputs[0]!.node;
      if (source.op === "Input") readers.set(source.name!, [...(readers.get(source.name!) ?? []), node]);
    }
  }
  const names = [...next].filter(([name, tensor]) => {
    const earlier = new Set(topologicalOrder(tensor.node.inputs));
    return (readers.get(name) ?? []).every((reader) => earlier.has(reader));
  });
  return new Set(names.map(([name]) => name));
}
