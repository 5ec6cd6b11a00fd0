// The end-to-end mechanism (MoCo figure 2a): the dictionary is the batch, and the gradient flows through the keys too.
import {
  add,
  constant,
  crossEntropyWithLabel0,
  type FormChooser,
  gatherRows,
  gemm,
  input,
  stopGradient,
  type Tensor,
} from "../graph/index.ts";
import type { Optimizer } from "../optimize/optimizer.ts";
import { contrastiveAccuracy, mocoLogits } from "./loss.ts";
import { type Encoder, queryEncoder } from "./query-encoder.ts";
import type { MocoConfig, MocoStep } from "./step.ts";

/** A logit that no softmax notices. */
const NEVER = -1e4;

/**
 * One step from two views of the same images, `xq` and `xk` [B, 3, H, W], both through one encoder. The negatives of a
 * query are the keys of the other images of its batch, B − 1 of them: a larger dictionary takes a larger batch.
 *
 * Inputs besides those of the views and the state: `learningRate` and `step` []; where keys are shuffled (section 3.3
 * applies here too) `shuffle` and `unshuffle` int64 [B].
 */
export function endToEndStep(
  f: Encoder,
  xq: Tensor,
  xk: Tensor,
  config: Omit<MocoConfig, "K" | "m">,
  optimizer: Optimizer,
  chooser?: FormChooser,
): MocoStep {
  const { B, T, bnGroups } = config;
  const shuffles = bnGroups > 1 && config.shuffle !== false;
  const query = queryEncoder(f, bnGroups, chooser);

  // Keys first: the running statistics are those of the last encoding, the queries'.
  const encoded = query.encode(shuffles ? gatherRows(xk, input("shuffle", [B], "int64")) : xk); // B×D
  const k = shuffles ? gemm(permutation(input("unshuffle", [B], "int64"), B), encoded) : encoded;
  const q = query.encode(xq); // B×D

  // logits: B×(1+B), the positive first; a query's own key does not count among the negatives.
  const own = constant(
    Float32Array.from({ length: B * (B + 1) }, (_, i) => (i % (B + 1) === 1 + Math.floor(i / (B + 1)) ? NEVER : 0)),
    [B, B + 1],
  );
  const logits = add(mocoLogits(q, k, k, T), own);
  const loss = crossEntropyWithLabel0(logits);
  const { next, gradients } = query.learn(loss, optimizer, config);
  return {
    outputs: { loss, accuracy: contrastiveAccuracy(logits), queries: q, keys: stopGradient(k), logits },
    next,
    gradients,
    tensors: query.tensors,
  };
}

/** A permutation as a matrix [B, B]: as a product it has a gradient, which gathering rows has not. */
function permutation(order: Tensor, B: number): Tensor {
  const identity = Float32Array.from({ length: B * B }, (_, i) => (i % (B + 1) === 0 ? 1 : 0));
  return gatherRows(constant(identity, [B, B]), order);
}
