// Makes a graph runnable with onnxruntime-node.
import { InferenceSession, Tensor as OrtTensor } from "../../../core/onnxruntime.ts";
import { conv2d } from "../ops/conv.ts";
import { type DType, input, type Node, type Shape, type Tensor, type TensorData, topologicalOrder } from "../tensor.ts";
import { fitsBlocks } from "./blocked-conv.ts";
import { blockLayout } from "./blocked-layout.ts";
import { drop } from "./drop.ts";
import { fuseTransposes } from "./fused-products.ts";
import { lengthenLoops } from "./inner-loops.ts";
import { mergeReshapes } from "./merge-reshapes.ts";
import { serialize } from "./serialize.ts";

/** Values by input or output name. */
export type Values = Readonly<Record<string, TensorData>>;

/** A graph ready to run. */
export interface CompiledGraph {
  /**
   * Runs the graph once. Blocks the thread while it computes.
   *
   * @param feeds A value for every input.
   * @param into Preallocated arrays for some outputs, large ones above all: fresh memory pages are slow.
   * @returns Every output; those of `into` in the given arrays.
   */
  run(feeds: Values, into?: Values): Promise<Record<string, TensorData>>;
  release(): Promise<void>;
}

/** A compiled step whose state stays in place. */
export interface StatefulGraph {
  /** Current state by name. Every step overwrites or replaces the arrays: do not hold on to them. */
  state(): Promise<ReadonlyMap<string, Float32Array>>;
  /** Runs one step on the state and `feeds`, keeps the next state and returns the outputs. */
  step(feeds: Values): Promise<Record<string, Float32Array>>;
  release(): Promise<void>;
}

/** Options of the session. */
export interface CompileOptions {
  /** Execution providers in order of preference. @default ["cpu"] */
  readonly providers?: readonly string[];
  /** Threads of one operator. @default every core */
  readonly threads?: number;
  /** Selects the convolutions for blocked CPU kernels. @default all that fit, where the machine has such kernels */
  readonly blocked?: (conv: Node) => boolean;
  /** Prefix of a profile that is written when the graph is released. @default none */
  readonly profile?: string;
}

/** Compiles what `outputs` need. Inputs and outputs keep their static shapes. */
export async function compile(
  outputs: Readonly<Record<string, Tensor>>,
  { providers = ["cpu"], threads = 0, profile, blocked }: CompileOptions = {},
): Promise<CompiledGraph> {
  const inputs = inputsOf(outputs);
  const onCpu = providers[0] === "cpu";
  const lowered = onCpu ? await lower(outputs, blocked) : outputs;
  // onnxruntime reuses a tensor's memory for a later one of equal shape and holds it until then, from the forward to
  // the backward pass. That doubles the peak memory of a training step, so shapes are hidden.
  const session = await InferenceSession.create(serialize(lowered, { openShapes: onCpu }), {
    executionProviders: [...providers],
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    // Its optimisers look for constant weights, of which a step has none. They would take nearly half of the time
    // that opening a session takes, and make no step faster.
    graphOptimizationLevel: onCpu ? "disabled" : "all",
    enableMemPattern: false, // its planned block comes on top of what the first, unplanned run allocated
    logSeverityLevel: 3,
    // Threads spin while they wait for work, and would go on for 30 ms after a run, on the cores that whatever runs next
    // needs: another form in the tuner's race, for one.
    extra: { session: { force_spinning_stop: "1" } },
    ...(profile && { enableProfiling: true, profileFilePrefix: profile }),
  });
  return {
    async run(feeds, into = {}) {
      const ortFeeds: Record<string, OrtTensor> = {};
      for (const [name, tensor] of inputs) ortFeeds[name] = wrap(name, feeds[name], tensor);
      const fetches: Record<string, OrtTensor | null> = {};
      for (const [name, tensor] of Object.entries(outputs))
        fetches[name] = into[name] ? wrap(name, into[name], tensor) : null;
      const results = await session.run(ortFeeds, fetches);
      const values = Object.keys(outputs).map((name) => [name, results[name]!.data as TensorData] as const);
      drop(values.flatMap(([name, { buffer }]) => (into[name] && into[name].buffer !== buffer ? [buffer] : [])));
      return Object.fromEntries(values.map(([name, data]) => [name, into[name] ?? data]));
    },
    async release() {
      if (profile) session.endProfiling();
      await session.release();
    },
  };
}

/** The same graph in the forms that onnxruntime's CPU kernels are fast for. */
async function lower(outputs: Readonly<Record<string, Tensor>>, accepts: (conv: Node) => boolean = () => true) {
  const fits = topologicalOrder(Object.values(outputs)).some((node) => fitsBlocks(node) && accepts(node));
  const inLayout = fits && (await hasBlockedKernels()) ? blockLayout(outputs, accepts) : outputs;
  return mergeReshapes(fuseTransposes(lengthenLoops(inLayout)));
}

/** The trial: one small convolution in both layouts. Takes a few milliseconds. */
async function hasBlockedKernels(): Promise<boolean> {
  const ramp = (size: number) => Float32Array.from({ length: size }, (_, i) => ((i * 7) % 11) - 5);
  const x = input("x", [1, 32, 4, 4]);
  const weight = input("weight", [32, 32, 3, 3]);
  const plain = conv2d(x, weight, { padding: 1 });
  const outputs = { plain, blocked: blockLayout({ plain }).plain! };
  try {
    const session = await InferenceSession.create(serialize(outputs), { intraOpNumThreads: 1, logSeverityLevel: 4 });
    const results = await session.run({
      x: new OrtTensor(ramp(16 * 32), x.shape),
      weight: new OrtTensor(ramp(9 * 32 * 32), weight.shape),
    });
    await session.release();
    const [a, b] = [results.plain!.data, results.blocked!.data] as Float32Array[];
    return a!.every((v, i) => v === b![i]); // sums of small integers are exact in any order
  } catch {
    return false; // this build of onnxruntime lacks the operators
  }
}

/** A value as onnxruntime takes it. */
export function wrap(name: string, value: TensorData | undefined, tensor: { dtype: DType; shape: Shape }): OrtTensor {
  if (!value) throw new Error(`run: the input "${name}" was not given`);
  return new OrtTensor(tensor.dtype as "float32", value as Float32Array, tensor.shape);
}

/** The inputs that `outputs` need, by name. */
export function inputsOf(outputs: Readonly<Record<string, Tensor>>): Map<string, Tensor> {
  const nodes = topologicalOrder(Object.values(outputs)).filter((node) => node.op === "Input");
  return new Map(nodes.map((node) => [node.name!, node.outputs[0]!]));
}
