// Replays a reference run of MoCo (PyTorch, written as safetensors) and measures how far ours is from it.
import type { StatefulGraph } from "../../graph/engine/compile.ts";
import { compileStateful } from "../../graph/engine/stateful.ts";
import { type CompileOptions, type FormChooser, input, sizeOf, type Values } from "../../graph/index.ts";
import { predict } from "../../network/heads.ts";
import { keyMomentumAt } from "../../optimize/schedule.ts";
import { negativeQueue } from "../queue.ts";
import { type MocoStep, mocoStep } from "../step.ts";
import { mocoV3Step, type Predictor } from "../v3.ts";
import { createComparison, largestOf, type ParityReport, TOLERANCES } from "./difference.ts";
import { encoderOf, type MocoRun, type MocoV3Run, optimizerOf, type Reference, readReference } from "./reference.ts";

const FLOAT32_EPSILON = 2 ** -23;
/**
 * Rounding error of a gradient in shares of float32's resolution of the run's largest gradient. In MoCo v3 PyTorch's own
 * gradients in float32 differ by up to 4 from those in float64 where the exact one is 0: sums over two views, before a
 * batch norm.
 */
const ROUNDING = { moco: 1, "moco-v3": 16 } as const;

/**
 * Replays the run in `file` step by step.
 *
 * @throws AppError `invalid_checkpoint` where it is not one: a hyper-parameter or a tensor is missing, say.
 */
export async function replay(
  file: Uint8Array,
  { chooser, ...options }: CompileOptions & { chooser?: FormChooser } = {},
): Promise<ParityReport> {
  const reference = readReference(file);
  const { run, of } = reference;
  const player = run.method === "moco-v3" ? v3Player(run, reference, chooser) : mocoPlayer(run, reference, chooser);
  const { step } = player;

  const initial = new Map([...step.next].map(([name, { shape }]) => [name, new Float32Array(sizeOf(shape))]));
  for (const { name } of step.tensors) {
    for (const net of ["q", "k"])
      if (initial.has(`${net}.${name}`)) initial.set(`${net}.${name}`, of(`q.${name}`).slice());
  }
  const gradientPorts = Object.fromEntries([...step.gradients].map(([name, tensor]) => [`grad.${name}`, tensor]));
  const graph = await compileStateful({ ...step.outputs, ...gradientPorts }, step, initial, options);

  const { compare, report } = createComparison();
  const largestGradient = Math.max(...[...step.gradients.keys()].map((name) => largestOf(of(`grad.${name}`))));
  const gradientFloor = (largestGradient * FLOAT32_EPSILON * ROUNDING[run.method]) / TOLERANCES.gradients[1];
  for (let t = 0; t < run.steps; t++) {
    const out = await graph.step({
      ...player.feeds(t),
      learningRate: Float32Array.of(run.lr),
      step: Float32Array.of(t + 1),
    });
    player.took(out.keys!);
    compare("losses", out.loss!, of("loss").subarray(t, t + 1));
    if (t > 0) continue;
    player.compareLogits(out.logits!, compare);
    for (const name of step.gradients.keys()) {
      compare("gradients", out[`grad.${name}`]!, of(`grad.${name}`), gradientFloor);
    }
  }
  await compareState(graph, step, of, compare);
  player.compareEnd(compare);
  await graph.release();
  return report();
}

type Compare = ReturnType<typeof createComparison>["compare"];

/** State after the last step; the key encoder has no predictor, and no tensors that stay as they are. */
async function compareState(graph: StatefulGraph, { tensors }: MocoStep, of: Reference["of"], compare: Compare) {
  const state = await graph.state();
  for (const { name, kind } of tensors) {
    const [query, key] = [state.get(`q.${name}`)!, state.get(`k.${name}`)];
    const isBuffer = kind === "buffer";
    compare(isBuffer ? "batchNormBuffers" : "queryParameters", query, of(`q_end.${name}`));
    if (key) compare(isBuffer ? "batchNormBuffers" : "keyParameters", key, of(`k_end.${name}`));
  }
}

/** What the methods differ in. */
interface Player {
  readonly step: MocoStep;
  /** Inputs of step t besides the state, the learning rate and the number of the step. */
  feeds(t: number): Values;
  /** Takes the keys of a step. */
  took(keys: Float32Array): void;
  /** Compares the logits of the first step. */
  compareLogits(ours: Float32Array, compare: Compare): void;
  /** Compares what else there is after the last step. */
  compareEnd(compare: Compare): void;
}

function mocoPlayer(run: MocoRun, { of, permutation }: Reference, chooser: FormChooser | undefined): Player {
  const { batch: B, image_size: S, temperature: T, queue_size: K, key_momentum: m, dim, bn_splits: bnGroups } = run;
  const images = (name: string) => input(name, [B, 3, S, S]);
  const config = { B, K, m, T, dim, bnGroups };
  const queue = negativeQueue(of("queue").slice(), dim);
  return {
    step: mocoStep(encoderOf(run), images("xq"), images("xk"), config, optimizerOf(run), chooser),
    feeds(t) {
      const shuffle = permutation(`perm.${t}`);
      const shuffles = bnGroups > 1 && { shuffle, unshuffle: inverse(shuffle) };
      return { xq: of(`x_q.${t}`), xk: of(`x_k.${t}`), queue: queue.keys, ...shuffles };
    },
    took: (keys) => queue.enqueue(keys),
    compareLogits: (ours, compare) => compare("logits", ours, of("logits.0")),
    compareEnd(compare) {
      compare("queue", queue.keys, of("queue_end"));
      compare("pointer", [queue.pointer], of("ptr_end"));
    },
  };
}

function v3Player(run: MocoV3Run, { of }: Reference, chooser: FormChooser | undefined): Player {
  const { batch: B, image_size: S, temperature: T, key_momentum: m, key_momentum_schedule: schedule } = run;
  const images = (name: string) => input(name, [B, 3, S, S]);
  const predictor: Predictor = (projections, scope) =>
    predict(projections, scope, { width: run.predictor_hidden, lastNorm: run.predictor_norm });
  const config = { T, m: input("keyMomentum", []) };
  return {
    step: mocoV3Step(encoderOf(run), predictor, images("x1"), images("x2"), config, optimizerOf(run), chooser),
    feeds: (t) => ({
      x1: of(`x_1.${t}`),
      x2: of(`x_2.${t}`),
      keyMomentum: Float32Array.of(keyMomentumAt(t / run.steps, m, schedule)),
    }),
    took: () => {},
    compareLogits(ours, compare) {
      const both = squareLogits(ours, B);
      compare("batchLogits", both.subarray(0, B * B), of("logits_1.0"));
      compare("batchLogits", both.subarray(B * B), of("logits_2.0"));
    },
    compareEnd: () => {},
  };
}

/** Logits [N, 1+B] of `batchLogits`, the positive first → [N, B] with the positives on the diagonal of each B rows. */
const squareLogits = (logits: Float32Array, B: number): Float32Array =>
  Float32Array.from({ length: (logits.length / (B + 1)) * B }, (_, i) => {
    const [row, column] = [Math.floor(i / B), i % B];
    return logits[row * (B + 1) + (column === row % B ? 0 : 1 + column)]!;
  });

const inverse = (permutation: BigInt64Array): BigInt64Array => {
  const result = new BigInt64Array(permutation.length);
  permutation.forEach((to, from) => {
    result[Number(to)] = BigInt(from);
  });
  return result;
};
