// One training step of MoCo v3 as a graph (Chen, Xie and He 2021, arXiv 2104.02057, Algorithm 1), with its names.
//
// Where it departs from Algorithm 1: θ_k moves before the keys are encoded instead of at the end, as in the authors'
// code (facebookresearch/moco-v3); see step.ts.
import {
  add,
  concat,
  crossEntropyWithLabel0,
  type FormChooser,
  mul,
  scalar,
  stopGradient,
  type Tensor,
} from "../graph/index.ts";
import { type Scope, tensorSpecs } from "../network/scope.ts";
import type { Optimizer } from "../optimize/optimizer.ts";
import { type Encoder, encode, named, type Theta, thetaInputs } from "./encode.ts";
import { batchLogits, contrastiveAccuracy } from "./loss.ts";
import type { MocoConfig, MocoStep } from "./step.ts";
import { learn, momentumUpdate } from "./update.ts";

/** Projections [B, D] → what the keys are predicted to be [B, D]. */
export type Predictor = (projections: Tensor, scope: Scope) => Tensor;

/**
 * Builds the step from two views of the same images, `x1` and `x2` [B, 3, S, S]. There is no queue: the negatives of a
 * query are the keys of the other B − 1 images of its batch, and each view is once the query and once the key. Batch
 * norm sees all of a view at once, as the authors' synchronised batch norm does.
 *
 * Inputs besides those of the views and the state: `learningRate` and `step` []. The output `queries` is q1, `keys` is
 * k1, and `logits` [2·B, 1+B] are those of q1 with k2, then of q2 with k1.
 *
 * @param f Backbone and projection head; what is searched with afterwards is a part of it.
 * @param predictor Of f_q only.
 */
export function mocoV3Step(
  f: Encoder,
  predictor: Predictor,
  x1: Tensor,
  x2: Tensor,
  { T, m, ...gradientOptions }: Pick<MocoConfig, "T" | "m" | "recompute">,
  optimizer: Optimizer,
  chooser?: FormChooser,
): MocoStep {
  const fq: Encoder = (x, scope) => predictor(f(x, scope), scope);
  const tensors = tensorSpecs((scope) => fq(x1, scope));
  const thetaQ = thetaInputs(tensors, "q");
  const ofKeys = tensorSpecs((scope) => f(x1, scope)); // keys have no predictor
  const thetaK = momentumUpdate(thetaInputs(ofKeys, "k", thetaQ.fixed), thetaQ, m); // θ_k ← m θ_k + (1−m) θ_q

  const [q1, q2, statisticsQ] = encodeBoth(fq, thetaQ); // queries: [B, D] each
  const [k1, k2, statisticsK] = encodeBoth(f, thetaK); // keys: [B, D] each, no gradient to them
  const logits = [batchLogits(q1, stopGradient(k2), T), batchLogits(q2, stopGradient(k1), T)] as const;
  const ctr = (of: Tensor) => mul(crossEntropyWithLabel0(of), scalar(2 * T));
  const loss = add(ctr(logits[0]), ctr(logits[1])); // symmetrized

  const { next, gradients } = learn(loss, thetaQ, optimizer, gradientOptions); // update(θ_q)
  const all = concat(logits, 0); // [2·B, 1+B]
  return {
    outputs: { loss, accuracy: contrastiveAccuracy(all), queries: q1, keys: stopGradient(k1), logits: all },
    next: new Map([...next, ...named("q", statisticsQ), ...named("k", thetaK.parameters), ...named("k", statisticsK)]),
    gradients,
    tensors,
  };

  /** Both views one after the other, each with its own batch statistics: the running ones move twice. */
  function encodeBoth(encoder: Encoder, theta: Theta): [Tensor, Tensor, ReadonlyMap<string, Tensor>] {
    const first = encode(encoder, x1, theta, { bnGroups: 1, chooser });
    const second = encode(encoder, x2, { ...theta, buffers: first.buffers }, { bnGroups: 1, chooser });
    return [first.vectors, second.vectors, second.buffers];
  }
}
