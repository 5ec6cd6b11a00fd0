// Our side of the comparison: the step of MoCo on ready-made views, timed in this process.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createRandom } from "../training/data/random.ts";
import { compileStateful } from "../training/graph/engine/stateful.ts";
import { type Choices, chosenForms, fastestForms, tuningFile } from "../training/graph/engine/tune.ts";
import { type FormChooser, input, sizeOf } from "../training/graph/index.ts";
import type { Encoder } from "../training/moco/encode.ts";
import { noiseKeys, type QueuePrecision } from "../training/moco/queue.ts";
import { mocoStep } from "../training/moco/step.ts";
import { type Architecture, backbone, namedArchitecture } from "../training/network/backbone.ts";
import { projectionHead } from "../training/network/heads.ts";
import { initialValues } from "../training/network/initialise.ts";
import { sgd } from "../training/optimize/optimizer.ts";
import { stepOperations } from "./operations.ts";
import { peakMb, type Round } from "./sides.ts";

const DIM = 128;

/** A step to be timed, here and in PyTorch. */
export interface Case {
  readonly architecture: Architecture;
  /** Side of a view, pixels. */
  readonly side: number;
  readonly batch: number;
  /** The network as options of pytorch_step.py. */
  readonly peer: Readonly<Record<string, string | number>>;
}

/** The cases by name. `small-3` is the network that `auto` trains on a CPU. */
export const CASES: Readonly<Record<string, Case>> = {
  "resnet18-cifar": basic({ widths: [64, 128, 256, 512], blocks: 2, stemStride: 1, batch: 64 }),
  small: basic({ widths: [32, 64, 128, 256], blocks: 1, stemStride: 1, batch: 128 }),
  "small-stride-2": basic({ widths: [32, 64, 128, 256], blocks: 1, stemStride: 2, batch: 128 }),
  "small-3": basic({ widths: [32, 64, 256], blocks: 1, stemStride: 2, batch: 128 }),
  resnet50: {
    architecture: namedArchitecture("resnet50", 224),
    side: 224,
    batch: 32,
    peer: { network: "resnet50" },
  },
};

/** A ResNet of basic blocks for images of 32×32 pixels, with a stem of one 3×3 convolution. */
function basic(network: { widths: readonly number[]; blocks: number; stemStride: number; batch: number }): Case {
  const { widths, blocks, stemStride, batch } = network;
  const side = 32;
  const stem = { width: widths[0]!, kernel: 3, stride: stemStride, maxPool: false };
  const architecture = { block: "basic" as const, widths: [...widths], depths: widths.map(() => blocks), stem };
  const peer = { widths: widths.join(), blocks, "stem-stride": stemStride };
  return { architecture, side, batch, peer };
}

/** f: the network with MoCo v1's head. */
const encoderOf =
  ({ architecture }: Case): Encoder =>
  (x, scope) =>
    projectionHead(backbone(x, scope, architecture), scope, { head: "linear", dim: DIM });

/** Floating-point operations of a step for one image. */
export const operationsOf = (step: Case): number => stepOperations(encoderOf(step), step.side);

const WARM_UP = 2;

/** Which step to take, and on what. */
export interface StepOptions {
  readonly threads: number;
  readonly provider: string;
  /** Negative keys. */
  readonly queue: number;
  readonly queuePrecision: QueuePrecision;
  readonly recompute?: boolean;
}

/** What to time, and how. */
export interface TimingOptions extends StepOptions {
  readonly steps: number;
  readonly tune: boolean;
  readonly profile?: boolean;
}

/** Times `steps` steps after two that are not; the median counts. `profile` is text, filled where asked for. */
export async function timeStep(what: Case, options: TimingOptions): Promise<Round & { readonly profile: string }> {
  const { steps } = options;
  const forms = await tuned(what, options, options.tune ? tuningFile() : undefined);
  const folder = options.profile ? mkdtempSync(join(tmpdir(), "profile-")) : undefined;
  const step = await compileCase(what, options, { forms, ...(folder && { profile: join(folder, "step") }) });
  const seconds: number[] = [];
  let loss = 0;
  for (let i = 0; i < steps + WARM_UP; i++) {
    const start = performance.now();
    loss = await step.run();
    if (i >= WARM_UP) seconds.push((performance.now() - start) / 1000);
  }
  await step.release();
  seconds.sort((a, b) => a - b);
  const profile = folder ? readProfile(folder, steps + WARM_UP) : "";
  if (folder) rmSync(folder, { recursive: true });
  return {
    imagesPerSecond: what.batch / seconds[seconds.length >> 1]!,
    rssMb: peakMb(),
    loss,
    profile,
  };
}

/** The fastest forms of a case's step, by this file. */
export function tuned(what: Case, options: StepOptions, file: string | undefined): Promise<Choices> {
  return fastestForms((chooser) => stepOf(what, options, chooser), { ...engineOf(options), file });
}

/** A case's step with these forms, on views of noise. `run` returns its loss. */
export async function compileCase(
  what: Case,
  options: StepOptions,
  { forms, ...profile }: { readonly forms: Choices; readonly profile?: string },
): Promise<{ run(): Promise<number>; release(): Promise<void> }> {
  const step = stepOf(what, options, chosenForms(forms));
  const random = createRandom(1);
  const state = new Map<string, Float32Array>(
    [...step.next].map(([name, { shape }]) => [name, new Float32Array(sizeOf(shape))]),
  );
  for (const spec of step.tensors) {
    for (const net of ["q", "k"]) state.set(`${net}.${spec.name}`, initialValues(spec, createRandom(2)));
  }
  const { loss, keys } = step.outputs;
  const graph = await compileStateful({ loss, keys }, step, state, { ...engineOf(options), ...profile });
  const view = Float32Array.from({ length: what.batch * 3 * what.side ** 2 }, () => random.uniform(-2, 2));
  const feeds = {
    xq: view,
    xk: view,
    queue: noiseKeys(options.queue, DIM, random, options.queuePrecision),
    learningRate: Float32Array.of(0.03),
    step: Float32Array.of(1),
  };
  return {
    run: async () => (await graph.step(feeds)).loss![0]!,
    release: () => graph.release(),
  };
}

const engineOf = ({ threads, provider }: StepOptions) => ({ threads, providers: [provider] });

function stepOf(what: Case, options: StepOptions, chooser: FormChooser) {
  const { batch: B, side } = what;
  const { queue: K, queuePrecision, recompute = false } = options;
  return mocoStep(
    encoderOf(what),
    input("xq", [B, 3, side, side]),
    input("xk", [B, 3, side, side]),
    { B, K, m: 0.99, T: 0.1, dim: DIM, bnGroups: 1, queuePrecision, recompute },
    sgd({ momentum: 0.9, weightDecay: 5e-4 }),
    chooser,
  );
}

interface ProfileEvent {
  readonly cat: string;
  readonly name: string;
  readonly dur: number;
  readonly args: { readonly op_name: string; readonly input_type_shape: ReadonlyArray<Record<string, number[]>> };
}

/** Milliseconds a step by operator, and the ten costliest nodes, from onnxruntime's profile. */
function readProfile(folder: string, steps: number): string {
  const [file] = readdirSync(folder);
  const events = (JSON.parse(readFileSync(join(folder, file!), "utf8")) as ProfileEvent[]).filter(
    ({ cat, name }) => cat === "Node" && name.endsWith("_kernel_time"),
  );
  const costliest = (key: (event: ProfileEvent) => string, count: number) => {
    const sums = new Map<string, number>();
    for (const event of events) sums.set(key(event), (sums.get(key(event)) ?? 0) + event.dur / 1000 / steps);
    const sorted = [...sums].sort((a, b) => b[1] - a[1]).slice(0, count);
    return sorted.map(([what, ms]) => `${ms.toFixed(2).padStart(9)} ms  ${what}`).join("\n");
  };
  const shapes = (event: ProfileEvent) =>
    event.args.input_type_shape.map((entry) => `[${Object.values(entry)[0]}]`).join(" ");
  return `${costliest((e) => e.args.op_name, 20)}\n\n${costliest((e) => `${e.name.replace("_kernel_time", "")} ${shapes(e)}`, 10)}`;
}
