// The forms of one operator or gradient, run against each other on this machine.
import {
  type CompiledGraph,
  type CompileOptions,
  compile,
  type Form,
  input,
  multiplications,
  reduceSum,
  sizeOf,
  type Tensor,
} from "../index.ts";
import { intermediateBytes } from "../intermediate-bytes.ts";
import { type Finalist, MARGIN, type RaceOptions, race } from "./paired-timing.ts";

/** An operator or gradient with several forms, as a graph asks for it. */
export interface Question {
  readonly operands: readonly Tensor[];
  readonly forms: Readonly<Record<string, Form>>;
  /** How often the graph asks for it. */
  uses: number;
}

/** A form of a question, ready to be timed. */
interface Candidate {
  readonly name: string;
  readonly bytes: number;
  readonly graph: CompiledGraph;
}

/** Those forms that no other is clearly faster than, in their order. One that the provider does not run is left out. */
export async function raceForms(
  { operands, forms }: Question,
  options: CompileOptions,
  rules: RaceOptions,
): Promise<Finalist<Candidate>[]> {
  const feeds = Object.fromEntries(operands.map(({ shape }, i) => [`operand${i}`, noise(sizeOf(shape))]));
  const candidates: Candidate[] = [];
  for (const [name, form] of Object.entries(forms)) {
    // The sum keeps the output small: an output's fresh pages would be timed too.
    const sum = reduceSum(form(...placeholders(operands)));
    const graph = await compile({ sum }, options).catch(() => undefined);
    if (graph) candidates.push({ name, bytes: intermediateBytes(sum), graph });
  }
  const time = async ({ graph }: Candidate) => {
    const began = performance.now();
    await graph.run(feeds);
    return performance.now() - began;
  };
  const finalists = await race(candidates, time, rules);
  for (const { graph } of candidates) await graph.release();
  return finalists;
}

/** Of those that are as fast as the fastest, within the margin, the one that needs the least memory, or the first. */
export function leanest<T extends { readonly bytes: number }>(
  finalists: ReadonlyArray<Finalist<T>>,
  margin = MARGIN,
): Finalist<T> | undefined {
  const tied = finalists.filter(({ ratio }) => ratio <= 1 + margin);
  return tied.sort((a, b) => a.candidate.bytes - b.candidate.bytes)[0];
}

/** How much a graph computes for a question: counted, so that it is the same every time. */
export function workOf({ operands, forms, uses }: Question): number {
  const [first] = Object.values(forms);
  const values = operands.reduce((sum, { shape }) => sum + sizeOf(shape), 0);
  return uses * (multiplications([first!(...placeholders(operands))]) + values);
}

/** Inputs that stand for operands, so that a form can be looked at alone. */
export const placeholders = (operands: readonly Tensor[]): Tensor[] =>
  operands.map(({ shape, dtype }, i) => input(`operand${i}`, shape, dtype));

/** Arbitrary values in −1..1: kernels might skip zeros. */
function noise(size: number): Float32Array {
  const values = new Float32Array(size);
  for (let i = 0; i < size; i++) values[i] = Math.sin(i);
  return values;
}
