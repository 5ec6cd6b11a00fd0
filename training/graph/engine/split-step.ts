// A step in three parts: what is done to its state before the graph runs, the graph, and what is done after it. So
// state that is updated value by value is overwritten where it lies, and does not come out of the graph.
import { rewriteNamed, withInputs } from "../rewrite.ts";
import { input, type Tensor, topologicalOrder } from "../tensor.ts";
import { type FusedLoop, fuseLoop } from "./fused-loop.ts";

/** What a step does to its state. */
export interface StateUpdate {
  /** State by input name → its value after the step. */
  readonly next: ReadonlyMap<string, Tensor>;
  /** Gradients by the names of parameters. @default none */
  readonly gradients?: ReadonlyMap<string, Tensor>;
}

/** The parts of a step. The loops take the state by name, and inputs and outputs of the graph. */
export interface SplitStep {
  readonly before: readonly FusedLoop[];
  /** Outputs of the graph: those of the step, the gradients that `after` takes, and the state that has no loop. */
  readonly graph: Readonly<Record<string, Tensor>>;
  readonly after: readonly FusedLoop[];
}

const GRADIENT = "gradient.";
const NEXT = "next.";

/** The output of the graph that is the next value of a state. */
export const nextName = (name: string): string => NEXT + name;

/** Whether an output of the graph is a gradient for the loops. */
export const isGradient = (output: string): boolean => output.startsWith(GRADIENT);

/**
 * Splits a step. After the graph comes what depends on a gradient and on state of its own: the optimiser's step. Before
 * it comes what the graph needs and depends on state alone: the key encoder's move.
 */
export function splitStep(
  outputs: Readonly<Record<string, Tensor>>,
  { next, gradients = new Map() }: StateUpdate,
): SplitStep {
  const given = new Map([...gradients].map(([name, tensor]) => [tensor, GRADIENT + name]));
  const changing = [...next].filter(([name, { node }]) => node.name !== name);
  const optimised = byGradient(changing, given).flatMap((targets) => {
    const loop = fuseLoop(targets, given);
    const isApart = loop && [...loop.reads].every((name) => targets.has(name) || !next.has(name));
    return isApart ? [{ targets, loop }] : [];
  });
  const rest = changing.filter(([name]) => !optimised.some(({ targets }) => targets.has(name)));

  const needed = new Set(topologicalOrder([...Object.values(outputs), ...gradients.values()]));
  const moved = rest.flatMap(([name, tensor]) => {
    const loop = needed.has(tensor.node) ? fuseLoop(new Map([[name, tensor]]), given) : undefined;
    return loop ? [{ name, tensor, loop }] : [];
  });
  const places = new Map(moved.map(({ name, tensor }) => [tensor.node, input(name, tensor.shape)]));
  const computed = rest.filter(([, { node }]) => !places.has(node));
  const taken = [...gradients].filter(([name]) => optimised.some(({ loop }) => loop.reads.has(GRADIENT + name)));
  // What is written last is computed first. So the gradients come at the end, that of the last layer first, and the
  // activations of a layer are freed as soon as the backward pass has gone through it.
  const graph = {
    ...Object.fromEntries(taken.map(([name, tensor]) => [GRADIENT + name, tensor])),
    ...outputs,
    ...Object.fromEntries(computed.map(([name, tensor]) => [NEXT + name, tensor])),
  };
  return {
    before: moved.map(({ loop }) => loop),
    graph: rewriteNamed(graph, (node, inputs) => (places.has(node) ? [places.get(node)!] : withInputs(node, inputs))),
    after: optimised.map(({ loop }) => loop),
  };
}

/** State in groups that take one gradient. State that takes none or several is in no group. */
function byGradient(
  state: ReadonlyArray<readonly [string, Tensor]>,
  given: ReadonlyMap<Tensor, string>,
): Map<string, Tensor>[] {
  const groups = new Map<string, Map<string, Tensor>>();
  for (const [name, tensor] of state) {
    const taken = [...(fuseLoop(new Map([[name, tensor]]), given)?.reads ?? [])].filter(isGradient);
    if (taken.length !== 1) continue;
    const group = groups.get(taken[0]!) ?? new Map<string, Tensor>();
    groups.set(taken[0]!, group.set(name, tensor));
  }
  return [...groups.values()];
}
