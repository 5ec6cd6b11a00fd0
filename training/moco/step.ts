// One training step of Momentum Contrast as a graph: Algorithm 1 of the paper (He et al. 2020), with its names.
//
// Where it departs from Algorithm 1:
// - θ_k moves at the beginning of a step instead of at the end, as in the authors' code (facebookresearch/moco). The
//   keys are the same: θ_k begins as a copy of θ_q, which the first move leaves as it is. Between two steps, θ_k is one
//   move behind.
// - Keys are shuffled between BN groups (section 3.3), which Algorithm 1 leaves out.
// - The queue is an input, and the keys are an output that the loop enqueues: see dictionary.ts.
import {
  crossEntropyWithLabel0,
  expand,
  type FormChooser,
  type GradientOptions,
  gatherRows,
  input,
  reshape,
  stopGradient,
  type Tensor,
} from "../graph/index.ts";
import { type TensorSpec, tensorSpecs } from "../network/scope.ts";
import type { Optimizer } from "../optimize/optimizer.ts";
import { type Encoder, encode, named, thetaInputs } from "./encode.ts";
import { contrastiveAccuracy, mocoLogits } from "./loss.ts";
import type { QueuePrecision } from "./queue.ts";
import { learn, momentumUpdate } from "./update.ts";

/** What the step needs to know, by the paper's letters. */
export interface MocoConfig extends GradientOptions {
  /** Batch size B. */
  readonly B: number;
  /** Queue size, number of negative keys. */
  readonly K: number;
  /** Number format of the negatives. @default "float32" */
  readonly queuePrecision?: QueuePrecision;
  /** Momentum of the key encoder, or an input [] where it changes. @example 0.999 */
  readonly m: number | Tensor;
  /** Temperature. */
  readonly T: number;
  /** Length of a key, D. */
  readonly dim: number;
  /** Groups of the batch with batch statistics of their own; each stands for one GPU of the paper. */
  readonly bnGroups: number;
  /**
   * Shuffling BN (section 3.3): keys are encoded in other groups than their queries. No effect with one group.
   *
   * @default true
   */
  readonly shuffle?: boolean;
}

/** The graph of one step and the state that it updates. */
export interface MocoStep {
  /** loss [], accuracy [], queries [Q·B, D], keys [B, D] for the dictionary, logits [Q·B, 1+K]; Q queries an image. */
  readonly outputs: Readonly<Record<"loss" | "accuracy" | "queries" | "keys" | "logits", Tensor>>;
  /**
   * State by name (`q.…`, `k.…`, `velocity.…`) → its value after the step. The negatives are outside: see `Dictionary`.
   */
  readonly next: ReadonlyMap<string, Tensor>;
  /** Gradient of the loss by parameter name. */
  readonly gradients: ReadonlyMap<string, Tensor>;
  /** Tensors of the encoder, in the order of its layers. */
  readonly tensors: readonly TensorSpec[];
}

/**
 * Builds the step from two views of the same images, `xq` and `xk` [B, 3, H, W].
 *
 * There may be V queries for one key, of a size of their own: `xq` [V·B, 3, h, w], those of an image one after another.
 * Each is compared with the same key and queue and has the batch statistics that it would have alone; the loss is the
 * mean over all of them. (Small crops as queries: Caron et al., "SwAV", arXiv 2006.09882, section 3.2.) f may make more
 * than V projections of an image's V queries, those of an image one after another (`withPairAverages`).
 *
 * Inputs besides those of the views: every name of `next`; `queue` [K, D]; `learningRate` and `step` []; where keys are
 * shuffled `shuffle` and `unshuffle` int64 [B], a permutation and its inverse.
 *
 * @param chooser Chooses the forms of convolutions and their gradients. @default the first form of each
 */
export function mocoStep(
  f: Encoder,
  xq: Tensor,
  xk: Tensor,
  config: MocoConfig,
  optimizer: Optimizer,
  chooser?: FormChooser,
): MocoStep {
  const { B, K, m, T, dim: D, bnGroups } = config;
  const V = xq.shape[0]! / B; // views of an image that queries are made of
  const shuffles = bnGroups > 1 && config.shuffle !== false;
  const shuffle = (x: Tensor) => (shuffles ? gatherRows(x, input("shuffle", [B], "int64")) : x);
  const unshuffle = (x: Tensor) => (shuffles ? gatherRows(x, input("unshuffle", [B], "int64")) : x);

  // f_q and f_k: one network, θ_q and θ_k
  const tensors = tensorSpecs((scope) => f(xq, scope));
  const thetaQ = thetaInputs(tensors, "q");
  const thetaK = momentumUpdate(thetaInputs(tensors, "k", thetaQ.fixed), thetaQ, m); // θ_k ← m θ_k + (1−m) θ_q

  const query = encode(f, xq, thetaQ, { bnGroups: V * bnGroups, chooser }); // sample n is of group n mod V·G
  const key = encode(f, shuffle(xk), thetaK, { bnGroups, chooser });
  const q = query.vectors; // queries: [Q·B, D], where Q = V unless f makes more of them
  const k = stopGradient(unshuffle(key.vectors)); // keys: [B, D], no gradient to them

  const queue = input("queue", [K, D], config.queuePrecision); // negative keys: [K, D]
  const logits = mocoLogits(q, repeated(k, q.shape[0]! / B), queue, T); // [Q·B, 1+K], the positive first
  const loss = crossEntropyWithLabel0(logits); // []

  const { next, gradients } = learn(loss, thetaQ, optimizer, config); // update(θ_q)
  return {
    outputs: { loss, accuracy: contrastiveAccuracy(logits), queries: q, keys: k, logits },
    next: new Map([
      ...next,
      ...named("q", query.buffers),
      ...named("k", thetaK.parameters),
      ...named("k", key.buffers),
    ]),
    gradients,
    tensors,
  };
}

/** x [B, D] → [Q·B, D]: each row Q times. */
function repeated(x: Tensor, Q: number): Tensor {
  const [B, D] = x.shape as [number, number];
  return Q === 1 ? x : reshape(expand(reshape(x, [B, 1, D]), [B, Q, D]), [Q * B, D]);
}
