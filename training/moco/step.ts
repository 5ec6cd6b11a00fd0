// One training step of Momentum Contrast as a graph: Algorithm 1 of the paper (He et al. 2020), line by line.
import {
  add,
  crossEntropyWithLabel0,
  expand,
  type FormChooser,
  type GradientOptions,
  gatherRows,
  input,
  l2Normalise,
  mul,
  reshape,
  scalar,
  stopGradient,
  type Tensor,
} from "../graph/index.ts";
import { type TensorSpec, trainingScope } from "../network/scope.ts";
import type { Optimizer } from "../optimize/optimizer.ts";
import { contrastiveAccuracy, mocoLogits } from "./loss.ts";
import { type Encoder, queryEncoder } from "./query-encoder.ts";
import type { Precision } from "./queue.ts";

/** What the step needs to know, by the paper's letters. */
export interface MocoConfig extends GradientOptions {
  /** Batch size B. */
  readonly B: number;
  /** Queue size, number of negative keys. */
  readonly K: number;
  /** Numbers that the negatives come as. @default float32 */
  readonly queuePrecision?: Precision;
  /** Momentum of the key encoder. @example 0.999 */
  readonly m: number;
  /** Temperature. */
  readonly T: number;
  /** Length of a key, D. */
  readonly dim: number;
  /** Groups with batch statistics of their own, each standing for a GPU. */
  readonly bnGroups: number;
  /** Shuffling BN (section 3.3): with more than one group, keys change groups. @default true */
  readonly shuffle?: boolean;
}

/** The graph of one step and the state that goes through it. */
export interface MocoStep {
  /** loss [], accuracy [], queries [V·B, D], keys [B, D] as the dictionary takes them in, logits [V·B, 1+negatives]. */
  readonly outputs: Readonly<Record<"loss" | "accuracy" | "queries" | "keys" | "logits", Tensor>>;
  /** State by name (`q.…`, `k.…`, `velocity.…`) → its value after the step. The negatives are not in it: see Dictionary. */
  readonly next: ReadonlyMap<string, Tensor>;
  /** Gradient of the loss by parameter name. */
  readonly gradients: ReadonlyMap<string, Tensor>;
  /** Tensors of the encoder, in the order of its layers. */
  readonly tensors: readonly TensorSpec[];
}

/**
 * Builds the step from two views of the same images, `xq` and `xk` [B, 3, H, W].
 *
 * There may be V queries for one key, of a size of their own: `xq` [V·B, 3, h, w], those of an image one after another. Each is
 * compared with the same key and queue and has the batch statistics that it would have alone; the loss is the mean over
 * all of them. (Small crops as queries: Caron et al., "SwAV", arXiv 2006.09882, section 3.2.)
 *
 * Inputs besides those of the views: every name of `next`; `queue` [K, D]; `learningRate` and `step` []; where keys are shuffled
 * `shuffle` and `unshuffle` int64 [B], a permutation and its inverse.
 *
 * @param chooser Of the forms of convolutions and their gradients.
 */
export function mocoStep(
  f: Encoder,
  xq: Tensor,
  xk: Tensor,
  config: MocoConfig,
  optimizer: Optimizer,
  chooser?: FormChooser,
): MocoStep {
  const { B, K, m, T, dim, bnGroups } = config;
  const shuffles = bnGroups > 1 && config.shuffle !== false;

  // q = f_q(x_q), normalised: V·B×D. Sample n is of group n mod V·G: each view has groups of its own.
  const V = xq.shape[0]! / B;
  const query = queryEncoder(f, V * bnGroups, chooser);
  const q = query.encode(xq);

  // θ_k ← m θ_k + (1−m) θ_q: the key encoder moves before it encodes, and no gradient reaches it.
  const keyState = new Map<string, Tensor>();
  const scopeK = trainingScope(
    (spec) => {
      const before = input(`k.${spec.name}`, spec.shape);
      if (spec.kind === "buffer") return before;
      const moved = add(mul(before, scalar(m)), mul(query.theta.get(spec.name)!, scalar(1 - m)));
      keyState.set(`k.${spec.name}`, moved);
      return stopGradient(moved);
    },
    bnGroups,
    chooser,
  );

  // k = f_k(x_k), shuffled before and put back after, normalised: B×D
  const shuffled = shuffles ? gatherRows(xk, input("shuffle", [B], "int64")) : xk;
  const encoded = l2Normalise(f(shuffled, scopeK));
  const k = stopGradient(shuffles ? gatherRows(encoded, input("unshuffle", [B], "int64")) : encoded);
  for (const [name, tensor] of scopeK.updated) keyState.set(`k.${name}`, tensor);

  // logits: V·B×(1+K), the positive first; cross entropy with label 0
  const ownKeys = V === 1 ? k : reshape(expand(reshape(k, [B, 1, dim]), [B, V, dim]), [V * B, dim]);
  const logits = mocoLogits(q, ownKeys, input("queue", [K, dim], config.queuePrecision), T);
  const loss = crossEntropyWithLabel0(logits);

  // SGD on θ_q
  const { next, gradients } = query.learn(loss, optimizer, config);
  return {
    outputs: { loss, accuracy: contrastiveAccuracy(logits), queries: q, keys: k, logits },
    next: new Map([...next, ...keyState]),
    gradients,
    tensors: query.tensors,
  };
}
