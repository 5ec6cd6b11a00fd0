// State that goes through a graph at every step: two sets of buffers that exchange roles, so that nothing is allocated.
import { type CompiledGraph, type CompileOptions, compile, type Tensor, type Values } from "./graph/index.ts";

/** A compiled step whose state stays in place. */
export interface StatefulGraph {
  /** Current state by name; replaced at every step, so read it anew. */
  readonly state: ReadonlyMap<string, Float32Array>;
  /** Runs one step: state and `feeds` in, the next state kept, the named outputs returned. */
  step(feeds: Values): Promise<Record<string, Float32Array>>;
  release(): Promise<void>;
}

/**
 * Compiles a graph that maps state to next state.
 *
 * @param outputs What a step returns.
 * @param next State by input name → its value after the step.
 * @param initial State before the first step. The arrays are taken over.
 */
export async function compileStateful(
  outputs: Readonly<Record<string, Tensor>>,
  next: ReadonlyMap<string, Tensor>,
  initial: ReadonlyMap<string, Float32Array>,
  options?: CompileOptions,
): Promise<StatefulGraph> {
  const nextName = (name: string) => `next.${name}`;
  const ports = Object.fromEntries([...next].map(([name, tensor]) => [nextName(name), tensor]));
  const graph: CompiledGraph = await compile({ ...outputs, ...ports }, options);
  let current = new Map<string, Float32Array>([...next.keys()].map((name) => [name, initial.get(name)!]));
  let spare = new Map<string, Float32Array>(
    [...current].map(([name, values]) => [name, new Float32Array(values.length)]),
  );
  return {
    get state() {
      return current;
    },
    async step(feeds) {
      const into = Object.fromEntries([...spare].map(([name, values]) => [nextName(name), values]));
      const results = await graph.run({ ...feeds, ...Object.fromEntries(current) }, into);
      [current, spare] = [spare, current];
      return Object.fromEntries(Object.keys(outputs).map((name) => [name, results[name] as Float32Array]));
    },
    release: () => graph.release(),
  };
}
