// Replays a reference run of MoCo (PyTorch, written as safetensors) and measures how far ours is from it.
import { z } from "zod";
import { AppError } from "../../core/errors.ts";
import { decodeSafetensors, type TensorFile } from "../data/safetensors.ts";
import { compileStateful } from "../graph/engine/stateful.ts";
import { type CompileOptions, type FormChooser, input } from "../graph/index.ts";
import { projectionHead } from "../network/heads.ts";
import { type ResNetConfig, resnet } from "../network/resnet.ts";
import { adamw, sgd } from "../optimize/optimizer.ts";
import { negativeQueue } from "./queue.ts";
import { mocoStep } from "./step.ts";

const runSchema = z.object({
  steps: z.int().positive(),
  batch: z.int().positive(),
  image_size: z.int().positive(),
  queue_size: z.int().positive(),
  dim: z.int().positive(),
  widths: z.array(z.int().positive()).min(1),
  block: z.enum(["basic", "bottleneck"]),
  groups: z.int().positive().default(1),
  head: z.enum(["linear", "mlp"]),
  optimizer: z.enum(["sgd", "adamw"]),
  lr: z.number(),
  momentum: z.number().default(0.9),
  betas: z.tuple([z.number(), z.number()]).default([0.9, 0.999]),
  eps: z.number().default(1e-8),
  weight_decay: z.number(),
  key_momentum: z.number(),
  temperature: z.number(),
  bn_splits: z.int().positive(),
});

/**
 * The largest differences of one quantity; `relative` is to the largest entry of the same reference tensor. Some
 * gradients are zero in exact arithmetic (that of a batch norm's weight before a depthwise convolution, say) and
 * rounding error in both runs, so a gradient's largest entry counts as at least what float32 can resolve beside the
 * run's largest gradient.
 */
export interface Difference {
  absolute: number;
  relative: number;
}

/** The measure of each quantity, and the largest difference that passes. */
export const TOLERANCES = {
  logits: ["absolute", 1e-5],
  gradients: ["relative", 1e-4],
  losses: ["absolute", 1e-4],
  queryParameters: ["absolute", 1e-3],
  keyParameters: ["absolute", 1e-3],
  batchNormBuffers: ["absolute", 1e-3],
  queue: ["absolute", 1e-3],
  pointer: ["absolute", 0],
} as const satisfies Record<string, [keyof Difference, number]>;

const FLOAT32_EPSILON = 2 ** -23;

/** The outcome of one replay. */
export type ParityReport = Record<keyof typeof TOLERANCES, Difference> & { passed: boolean };

/**
 * Replays the run in `file` step by step.
 *
 * @throws AppError `invalid_checkpoint` where it is not one: a hyper-parameter or a tensor is missing, say.
 */
export async function replay(
  file: Uint8Array,
  { chooser, ...options }: CompileOptions & { chooser?: FormChooser } = {},
): Promise<ParityReport> {
  const reference = decodeSafetensors(file);
  const run = hyperparameters(reference);
  const of = (name: string) => float32Of(reference, name);
  const { batch: B, image_size: H, dim } = run;

  const architecture: ResNetConfig = {
    block: run.block,
    widths: run.widths,
    depths: run.widths.map(() => 1),
    stem: { width: run.widths[0]!, kernel: 3, stride: 1, maxPool: false },
    expansion: 2,
    groups: run.groups,
  };
  const step = mocoStep(
    (x, scope) => projectionHead(resnet(x, scope, architecture), scope, run.head, dim),
    input("xq", [B, 3, H, H]),
    input("xk", [B, 3, H, H]),
    { B, K: run.queue_size, m: run.key_momentum, T: run.temperature, dim, bnGroups: run.bn_splits },
    run.optimizer === "sgd"
      ? sgd({ momentum: run.momentum, weightDecay: run.weight_decay })
      : adamw({ betas: run.betas, epsilon: run.eps, weightDecay: run.weight_decay }),
    chooser,
  );
  const initial = new Map(
    [...step.next].map(([name, tensor]) => [name, new Float32Array(tensor.shape.reduce((a, b) => a * b, 1))]),
  );
  for (const { name } of step.tensors)
    for (const net of ["q", "k"]) initial.set(`${net}.${name}`, of(`q.${name}`).slice());
  const gradientPorts = Object.fromEntries([...step.gradients].map(([name, tensor]) => [`grad.${name}`, tensor]));
  const graph = await compileStateful({ ...step.outputs, ...gradientPorts }, step.next, initial, options);

  const none = (): Difference => ({ absolute: 0, relative: 0 });
  const report: ParityReport = {
    logits: none(),
    gradients: none(),
    losses: none(),
    queryParameters: none(),
    keyParameters: none(),
    batchNormBuffers: none(),
    queue: none(),
    pointer: none(),
    passed: false,
  };
  const compare = (key: keyof typeof TOLERANCES, ours: ArrayLike<number>, theirs: Float32Array, floor = 0) => {
    widen(report[key], ours, theirs, floor);
  };
  const largestGradient = Math.max(...[...step.gradients.keys()].map((name) => largestOf(of(`grad.${name}`))));
  const gradientFloor = (largestGradient * FLOAT32_EPSILON) / TOLERANCES.gradients[1];
  const queue = negativeQueue(of("queue").slice(), dim);
  for (let t = 0; t < run.steps; t++) {
    const shuffle = reference.tensors.get(`perm.${t}`)?.data as BigInt64Array;
    const out = await graph.step({
      xq: of(`x_q.${t}`),
      xk: of(`x_k.${t}`),
      queue: queue.keys,
      learningRate: Float32Array.of(run.lr),
      step: Float32Array.of(t + 1),
      ...(run.bn_splits > 1 && { shuffle, unshuffle: inverse(shuffle) }),
    });
    queue.enqueue(out.keys!);
    compare("losses", out.loss!, of("loss").subarray(t, t + 1));
    if (t > 0) continue;
    compare("logits", out.logits!, of("logits.0"));
    for (const name of step.gradients.keys()) {
      compare("gradients", out[`grad.${name}`]!, of(`grad.${name}`), gradientFloor);
    }
  }
  const state = await graph.state();
  for (const { name, kind } of step.tensors) {
    const isBuffer = kind === "buffer";
    compare(isBuffer ? "batchNormBuffers" : "queryParameters", state.get(`q.${name}`)!, of(`q_end.${name}`));
    compare(isBuffer ? "batchNormBuffers" : "keyParameters", state.get(`k.${name}`)!, of(`k_end.${name}`));
  }
  compare("queue", queue.keys, of("queue_end"));
  compare("pointer", [queue.pointer], of("ptr_end"));
  await graph.release();
  report.passed = Object.entries(TOLERANCES).every(
    ([key, [measure, bound]]) => report[key as keyof typeof TOLERANCES][measure] <= bound,
  );
  return report;
}

function hyperparameters({ metadata }: TensorFile): z.infer<typeof runSchema> {
  try {
    return runSchema.parse(JSON.parse(metadata.run ?? "{}"));
  } catch (error) {
    const problems =
      error instanceof z.ZodError
        ? error.issues.map((issue) => `${issue.path.join(".")}: ${issue.message}`)
        : [`${error}`];
    throw new AppError(
      "invalid_checkpoint",
      `Expected the hyper-parameters of a run in the file's metadata: ${problems.join("; ")}.`,
      { cause: error },
    );
  }
}

function widen(difference: Difference, ours: ArrayLike<number>, theirs: Float32Array, floor: number): void {
  if (ours.length !== theirs.length) {
    throw new AppError(
      "invalid_checkpoint",
      `Expected ${ours.length} values by the run's hyper-parameters but a tensor of the file has ${theirs.length}.`,
    );
  }
  const largest = Math.max(largestOf(theirs), floor);
  let apart = 0;
  for (let i = 0; i < theirs.length; i++) {
    const distance = Math.abs(ours[i]! - theirs[i]!);
    apart = distance > apart || Number.isNaN(distance) ? distance : apart;
  }
  difference.absolute = worse(difference.absolute, apart);
  difference.relative = worse(difference.relative, largest > 0 ? apart / largest : apart);
}

const largestOf = (values: Float32Array) => values.reduce((largest, v) => Math.max(largest, Math.abs(v)), 0);

/** The larger one; NaN is the worst and stays. */
const worse = (a: number, b: number) => (Number.isNaN(a) || a > b ? a : b);

const inverse = (permutation: BigInt64Array): BigInt64Array => {
  const result = new BigInt64Array(permutation.length);
  permutation.forEach((to, from) => {
    result[Number(to)] = BigInt(from);
  });
  return result;
};

function float32Of(file: TensorFile, name: string): Float32Array {
  const tensor = file.tensors.get(name);
  if (!tensor) throw new AppError("invalid_checkpoint", `Expected the reference run to hold the tensor "${name}".`);
  return tensor.data instanceof Float32Array ? tensor.data : Float32Array.from(tensor.data, Number);
}
