// Distillation with the queue (SEED: Fang et al., arXiv 2101.04731, section 3.2): an encoder learns from a larger one,
// the teacher, how near an image is to the keys of others.
//
// Where it departs from the paper: the teacher embeds each image once, unchanged, before training; in the paper it
// embeds the student's view at every step. So a step costs no more than with a memory bank, however large the teacher
// is.
import { crossEntropy, type FormChooser, input, softmax, stopGradient, type Tensor } from "../graph/index.ts";
import { tensorSpecs } from "../network/scope.ts";
import type { Optimizer } from "../optimize/optimizer.ts";
import { type Encoder, encode, named, thetaInputs } from "./encode.ts";
import { contrastiveAccuracy, mocoLogits } from "./loss.ts";
import type { MocoConfig, MocoStep } from "./step.ts";
import { learn } from "./update.ts";

/** Configuration of the step. There is no key encoder. */
export interface DistillationConfig extends Omit<MocoConfig, "m" | "shuffle"> {
  /** Temperature of the teacher. T is the student's. */
  readonly teacherT: number;
}

/**
 * One step from one view `xq` [B, 3, H, W].
 *
 * Inputs besides those of the view and the state: `positives` [B, D], the teacher's embeddings of the same images;
 * `queue` [K, D], its embeddings of earlier images; `learningRate` and `step` []. The output `keys` is `positives`, for
 * the queue.
 */
export function distillationStep(
  f: Encoder,
  xq: Tensor,
  config: DistillationConfig,
  optimizer: Optimizer,
  chooser?: FormChooser,
): MocoStep {
  const { B, K, T, teacherT, dim: D, bnGroups } = config;
  const tensors = tensorSpecs((scope) => f(xq, scope));
  const theta = thetaInputs(tensors, "q");
  const query = encode(f, xq, theta, { bnGroups, chooser });
  const q = query.vectors; // the student: [B, D]
  const k = input("positives", [B, D]); // the teacher: [B, D]
  const queue = input("queue", [K, D], config.queuePrecision);
  const logits = mocoLogits(q, k, queue, T); // [B, 1+K]
  const target = stopGradient(softmax(mocoLogits(k, k, queue, teacherT))); // [B, 1+K]
  const loss = crossEntropy(logits, target);
  const { next, gradients } = learn(loss, theta, optimizer, config);
  return {
    outputs: { loss, accuracy: contrastiveAccuracy(logits), queries: q, keys: k, logits },
    next: new Map([...next, ...named("q", query.buffers)]),
    gradients,
    tensors,
  };
}
