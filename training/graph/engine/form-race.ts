// The forms of one operator or gradient, run against each other on this machine.
import { availableParallelism } from "node:os";
import {
  batchNorm,
  type CompiledGraph,
  type CompileOptions,
  compile,
  conv2d,
  type Form,
  filled,
  input,
  multiplications,
  reduceSum,
  relu,
  sizeOf,
  type Tensor,
} from "../index.ts";
import { intermediateBytes } from "../intermediate-bytes.ts";
import { inputsOf, type Values } from "./compile.ts";
import { type Finalist, isClear, race } from "./paired-timing.ts";
import { timeRun, undisturbedClock } from "./undisturbed.ts";

/** As many channels as pixels have. */
const FEW_CHANNELS = 3;

/** An operator or gradient with several forms, as a graph asks for it. */
export interface Question {
  readonly operands: readonly Tensor[];
  readonly forms: Readonly<Record<string, Form>>;
  /** Which operand is an image between a network's layers, where the result is one too. */
  readonly image?: number | undefined;
  /** How often the graph asks for it. */
  uses: number;
}

/** A form that needs at most half the memory of another may take this part of the shortest time longer. */
const LEAN_MARGIN = 0.05;

/** A form of a question, ready to be timed. */
export interface Candidate {
  readonly name: string;
  readonly bytes: number;
  /** What part of the shortest time it may take longer without its mattering. */
  readonly margin: number;
  readonly graph: CompiledGraph;
  /** Runs it, milliseconds. */
  time(): Promise<number>;
}

/** How forms are raced. */
export interface FormRace {
  /** At most. @default 25 */
  readonly rounds?: number;
  /** Of each form, as {@link Candidate} has it; more for lean ones. */
  readonly margin: number;
  /** Those that are left of an earlier race, which goes on. @default all forms, in a new race */
  readonly earlier?: ReadonlyArray<Finalist<Candidate>> | undefined;
}

/** Those forms that no other is clearly faster than, in their order. One that the provider does not run is left out. */
export async function raceForms(
  question: Question,
  options: CompileOptions,
  { rounds, margin, earlier }: FormRace,
): Promise<Finalist<Candidate>[]> {
  const sums = new Map(Object.entries(question.forms).map(([name, form]) => [name, inNetwork(question, form)]));
  const most = Math.max(...[...sums.values()].map(intermediateBytes));
  const { providers: [provider] = ["cpu"], threads } = options;
  const processors = provider === "cpu" ? threads || availableParallelism() : 0; // of another device nothing is known
  const feeds = noiseFor([...sums.values()][0]!);
  const candidates: Candidate[] = [];
  for (const name of earlier?.map(({ candidate }) => candidate.name) ?? sums.keys()) {
    const sum = sums.get(name)!;
    const bytes = intermediateBytes(sum);
    const graph = await compile({ sum }, options).catch(() => undefined);
    if (!graph) continue;
    candidates.push({
      name,
      bytes,
      margin: 2 * bytes <= most ? Math.max(margin, LEAN_MARGIN) : margin,
      graph,
      time: undisturbedClock(() => timeRun(() => graph.run(feeds)), processors),
    });
  }
  const finalists = await race(candidates, ({ time }) => time(), {
    ...(rounds !== undefined && { rounds }),
    ...(earlier && { earlier: earlier.map(({ times }) => times) }),
    marginOf,
  });
  for (const { graph } of candidates) await graph.release();
  return finalists;
}

/** Whether nothing more is to be timed. */
export const isDecided = (finalists: ReadonlyArray<Finalist<Candidate>>): boolean => isClear(finalists, marginOf);

const marginOf = ({ margin }: Pick<Candidate, "margin">): number => margin;

/**
 * A form as a network has it. An image comes from a convolution and goes to batch norm, since what a form costs depends
 * on the layout that these leave it in and want. The sum keeps the output small: its fresh pages would be timed too.
 */
export function inNetwork({ operands, image }: Question, form: Form): Tensor {
  const result = form(...placeholders(operands).map((x, i) => (i === image ? fromConvolution(x) : x)));
  return reduceSum(image === undefined ? result : reduceSum(normalised(result), [0, 2, 3]));
}

/** An image of the shape of the input `x`, from a convolution that takes little time; pixels as they are. */
function fromConvolution({ node, shape }: Tensor): Tensor {
  const [n, c, h, w] = shape as [number, number, number, number];
  if (c <= FEW_CHANNELS) return input(node.name!, shape);
  const weight = filled([c, FEW_CHANNELS, 1, 1], 1);
  return conv2d(input(node.name!, [n, FEW_CHANNELS, h, w]), weight);
}

function normalised(x: Tensor): Tensor {
  const c = x.shape[1]!;
  return relu(batchNorm(x, filled([c], 1), filled([c], 0)).y);
}

/** Of those that are as fast as the fastest, within their margins, the one that needs the least memory, or the first. */
export function leanest<T extends Pick<Candidate, "bytes" | "margin">>(
  finalists: ReadonlyArray<Finalist<T>>,
): Finalist<T> | undefined {
  const tied = finalists.filter(({ ratio, candidate }) => ratio <= 1 + candidate.margin);
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

/** Arbitrary values in −1..1 for all inputs: kernels might skip zeros. */
function noiseFor(sum: Tensor): Values {
  return Object.fromEntries([...inputsOf({ sum })].map(([name, { shape }]) => [name, noise(sizeOf(shape))]));
}

function noise(size: number): Float32Array {
  const values = new Float32Array(size);
  for (let i = 0; i < size; i++) values[i] = Math.sin(i);
  return values;
}
