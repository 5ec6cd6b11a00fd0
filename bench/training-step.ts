// Our side of the comparison: the step of MoCo on ready-made views, timed in this process.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createRandom } from "../training/data/random.ts";
import { compileStateful } from "../training/graph/engine/stateful.ts";
import { chosenForms, fastestForms, tuningFile } from "../training/graph/engine/tune.ts";
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

/** The cases by name. `small-stride-2` is a network that `auto` trains on a CPU. */
export const CASES: Readonly<Record<string, Case>> = {
  "resnet18-cifar": basic({ widths: [64, 128, 256, 512], blocks: 2, stemStride: 1, batch: 64 }),
  small: basic({ widths: [32, 64, 128, 256], blocks: 1, stemStride: 1, batch: 128 }),
  "small-stride-2": basic({ widths: [32, 64, 128, 256], blocks: 1, stemStride: 2, batch: 128 }),
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

/** What to time, and how. */
export interface StepOptions {
  readonly steps: number;
  readonly threads: number;
  readonly provider: string;
  readonly tune: boolean;
  /** Negative keys. */
  readonly queue: number;
  readonly queuePrecision: QueuePrecision;
  readonly recompute?: boolean;
  readonly profile?: boolean;
}

/** Times `steps` steps after two that are not; the median counts. `profile` is text, filled where asked for. */
export async function timeStep(timed: Case, options: StepOptions): Promise<Round & { readonly profile: string }> {
  const { batch: B, side } = timed;
  const { steps, threads, provider, queue: K, queuePrecision, recompute = false } = options;
  const build = (chooser: FormChooser) =>
    mocoStep(
      encoderOf(timed),
      input("xq", [B, 3, side, side]),
      input("xk", [B, 3, side, side]),
      { B, K, m: 0.99, T: 0.1, dim: DIM, bnGroups: 1, queuePrecision, recompute },
      sgd({ momentum: 0.9, weightDecay: 5e-4 }),
      chooser,
    );
  const engine = { threads, providers: [provider] };
  const step = build(
    chosenForms(await fastestForms(build, { ...engine, file: options.tune ? tuningFile() : undefined })),
  );
  const random = createRandom(1);
  const state = new Map<string, Float32Array>(
    [...step.next].map(([name, { shape }]) => [name, new Float32Array(sizeOf(shape))]),
  );
  for (const spec of step.tensors) {
    for (const net of ["q", "k"]) state.set(`${net}.${spec.name}`, initialValues(spec, createRandom(2)));
  }
  const folder = options.profile ? mkdtempSync(join(tmpdir(), "profile-")) : undefined;
  const { loss, keys } = step.outputs;
  const graph = await compileStateful({ loss, keys }, step.next, state, {
    ...engine,
    ...(folder && { profile: join(folder, "step") }),
  });
  const view = Float32Array.from({ length: B * 3 * side * side }, () => random.uniform(-2, 2));
  const feeds = {
    xq: view,
    xk: view,
    queue: noiseKeys(K, DIM, random, queuePrecision),
    learningRate: Float32Array.of(0.03),
    step: Float32Array.of(1),
  };
  const seconds: number[] = [];
  let lossNow = 0;
  for (let i = 0; i < steps + WARM_UP; i++) {
    const start = performance.now();
    lossNow = (await graph.step(feeds)).loss![0]!;
    if (i >= WARM_UP) seconds.push((performance.now() - start) / 1000);
  }
  await graph.release();
  seconds.sort((a, b) => a - b);
  const profile = folder ? readProfile(folder, steps + WARM_UP) : "";
  if (folder) rmSync(folder, { recursive: true });
  return {
    imagesPerSecond: B / seconds[seconds.length >> 1]!,
    rssMb: peakMb(),
    loss: lossNow,
    profile,
  };
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
