// State that a step updates: most of it in place, by loops before and after the graph; what the graph computes of it
// comes out as new arrays.
import type { CompileOptions, Tensor } from "../index.ts";
import { compile, type StatefulGraph } from "./compile.ts";
import { drop } from "./drop.ts";
import { compileResident } from "./resident.ts";
import { isGradient, nextName, type StateUpdate, splitStep } from "./split-step.ts";

/**
 * Compiles a step that maps state to next state.
 *
 * @param outputs What a step returns.
 * @param initial State before the first step, by name. Its arrays are overwritten later.
 */
export async function compileStateful(
  outputs: Readonly<Record<string, Tensor>>,
  update: StateUpdate,
  initial: ReadonlyMap<string, Float32Array>,
  options: CompileOptions = {},
): Promise<StatefulGraph> {
  if (options.providers?.[0] === "webgpu") return compileResident(outputs, update, initial, options);
  const { before, graph, after } = splitStep(outputs, update);
  const compiled = await compile(graph, options);
  const state = new Map([...update.next.keys()].map((name) => [name, initial.get(name)!]));
  return {
    state: async () => state,
    async step(feeds) {
      const given = { ...feeds, ...Object.fromEntries(state) };
      for (const loop of before) loop.run(given);
      const results = (await compiled.run(given)) as Record<string, Float32Array>;
      const both = { ...given, ...results };
      for (const loop of after) loop.run(both);
      drop(Object.keys(results).flatMap((name) => (isGradient(name) ? [results[name]!.buffer] : [])));
      for (const name of state.keys()) state.set(name, results[nextName(name)] ?? state.get(name)!);
      return Object.fromEntries(Object.keys(outputs).map((name) => [name, results[name]!]));
    },
    release: () => compiled.release(),
  };
}
