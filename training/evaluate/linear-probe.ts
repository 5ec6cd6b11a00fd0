// The linear protocol (MoCo section 4.1): a linear classifier on frozen embeddings, trained by the project's own graph
// engine.
import { dot } from "../../core/vector.ts";
import { createSampler } from "../data/sampler.ts";
import { randomStream } from "../data/streams.ts";
import { compileStateful } from "../graph/engine/stateful.ts";
import { crossEntropy, gradients, input, linear } from "../graph/index.ts";
import { sgd } from "../optimize/optimizer.ts";
import { learningRateAt } from "../optimize/schedule.ts";
import type { LabelledEmbeddings } from "./similarities.ts";

/** Options of {@link linearProbe}; the defaults are the paper's. */
export interface LinearProbeOptions {
  /** @default 30: the features are small, so the steps are large. */
  readonly learningRate?: number;
  /** The learning rate is multiplied by 0.1 after 60 % and 80 % of them. @default 100 */
  readonly epochs?: number;
  /** @default 256, or all images where there are fewer */
  readonly batchSize?: number;
  readonly seed?: number;
  /** @default every core */
  readonly threads?: number;
  /** Called after each epoch with the number of epochs done. */
  readonly onProgress?: (done: number, total: number) => void;
}

/** A trained linear classifier: class c scores weight[c]·x + bias[c]. */
export interface LinearClassifier {
  readonly classes: readonly string[];
  /** [C, D], row by row. */
  readonly weight: Float32Array;
  readonly bias: Float32Array;
}

/**
 * Trains a classifier on `database` and classifies each query.
 *
 * @returns `top1`: share of queries whose label was found, 0..1.
 */
export async function linearProbe(
  queries: LabelledEmbeddings,
  database: LabelledEmbeddings,
  options?: LinearProbeOptions,
): Promise<{ top1: number }> {
  const classifier = await trainLinear(database, options);
  const d = queries.embeddings.length / queries.labels.length;
  const correct = queries.labels.filter(
    (label, i) => classify(classifier, queries.embeddings.subarray(i * d, (i + 1) * d)) === label,
  );
  return { top1: correct.length / queries.labels.length };
}

/** SGD with momentum 0.9 and no weight decay on the softmax cross entropy. */
export async function trainLinear(
  { embeddings, labels }: LabelledEmbeddings,
  { learningRate = 30, epochs = 100, batchSize = 256, seed = 1, threads = 0, onProgress }: LinearProbeOptions = {},
): Promise<LinearClassifier> {
  const classes = [...new Set(labels)].sort();
  const [N, C] = [labels.length, classes.length];
  const D = embeddings.length / N;
  const B = Math.min(batchSize, N);

  const theta = { weight: input("weight", [C, D]), bias: input("bias", [C]) };
  const logits = linear(input("x", [B, D]), theta.weight, theta.bias); // [B, C]
  const loss = crossEntropy(logits, input("oneHot", [B, C]));
  const found = gradients(loss, Object.values(theta));
  const gradientOf = new Map(Object.keys(theta).map((name, i) => [name, found[i]!]));
  const optimizer = sgd({ momentum: 0.9, weightDecay: 0 });
  const schedule = { learningRate: input("learningRate", []), step: input("step", []) };
  const next = new Map(
    Object.entries(theta).flatMap(([name, parameter]) => {
      const velocity = input(`velocity.${name}`, parameter.shape);
      const updated = optimizer.update(parameter, gradientOf.get(name)!, { velocity }, schedule);
      return [[name, updated.parameter] as const, [`velocity.${name}`, updated.state.velocity!] as const];
    }),
  );
  const random = randomStream(seed, "initialValues");
  const initial = new Map([
    ["weight", Float32Array.from({ length: C * D }, () => 0.01 * random.normal())],
    ["bias", new Float32Array(C)],
    ["velocity.weight", new Float32Array(C * D)],
    ["velocity.bias", new Float32Array(C)],
  ]);
  const graph = await compileStateful({ loss }, { next, gradients: gradientOf }, initial, { threads });
  try {
    const sampler = createSampler(N, { batchSize: B, seed });
    const steps = epochs * sampler.batchesPerEpoch;
    const numbers = new Map(classes.map((label, c) => [label, c]));
    const x = new Float32Array(B * D);
    for (let step = 0; step < steps; step++) {
      const oneHot = new Float32Array(B * C);
      sampler.next().forEach((image, n) => {
        x.set(embeddings.subarray(image * D, (image + 1) * D), n * D);
        oneHot[n * C + numbers.get(labels[image]!)!] = 1;
      });
      const epoch = Math.floor(step / sampler.batchesPerEpoch);
      const rate = learningRateAt(epoch / epochs, learningRate, { kind: "step", warmup: 0, milestones: [0.6, 0.8] });
      await graph.step({ x, oneHot, learningRate: Float32Array.of(rate), step: Float32Array.of(step + 1) });
      if ((step + 1) % sampler.batchesPerEpoch === 0) onProgress?.(epoch + 1, epochs);
    }
    const state = await graph.state();
    return { classes, weight: state.get("weight")!.slice(), bias: state.get("bias")!.slice() };
  } finally {
    await graph.release();
  }
}

function classify({ classes, weight, bias }: LinearClassifier, x: Float32Array): string {
  const scores = classes.map((_, c) => dot(weight.subarray(c * x.length, (c + 1) * x.length), x) + bias[c]!);
  return classes[scores.indexOf(Math.max(...scores))]!;
}
