// The end-to-end mechanism (MoCo figure 2a): the batch is the dictionary, and keys get gradients too.
import {
  constant,
  crossEntropyWithLabel0,
  type FormChooser,
  gatherRows,
  gemm,
  input,
  stopGradient,
  type Tensor,
} from "../graph/index.ts";
import { tensorSpecs } from "../network/scope.ts";
import type { Optimizer } from "../optimize/optimizer.ts";
import { type Encoder, encode, named, thetaInputs } from "./encode.ts";
import { batchLogits, contrastiveAccuracy } from "./loss.ts";
import type { MocoConfig, MocoStep } from "./step.ts";
import { learn } from "./update.ts";

/**
 * One step from two views of the same images, `xq` and `xk` [B, 3, H, W], encoded by one network. The negatives of a
 * query are the keys of the other B − 1 images of its batch: a larger dictionary takes a larger batch.
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
  const tensors = tensorSpecs((scope) => f(xq, scope));
  const theta = thetaInputs(tensors, "q");

  const key = encode(f, shuffles ? gatherRows(xk, input("shuffle", [B], "int64")) : xk, theta, { bnGroups, chooser });
  const query = encode(f, xq, theta, { bnGroups, chooser });
  const k = shuffles ? gemm(permutation(input("unshuffle", [B], "int64"), B), key.vectors) : key.vectors; // keys: [B, D]
  const q = query.vectors; // queries: [B, D]

  const logits = batchLogits(q, k, T); // [B, 1+B], the positive first
  const loss = crossEntropyWithLabel0(logits);
  const { next, gradients } = learn(loss, theta, optimizer, config);
  return {
    outputs: { loss, accuracy: contrastiveAccuracy(logits), queries: q, keys: stopGradient(k), logits },
    next: new Map([...next, ...named("q", query.buffers)]), // running statistics are the queries'
    gradients,
    tensors,
  };
}

/** A permutation as a matrix [B, B]: multiplying by it has a gradient rule, gathering rows has none. */
function permutation(order: Tensor, B: number): Tensor {
  const identity = Float32Array.from({ length: B * B }, (_, i) => (i % (B + 1) === 0 ? 1 : 0));
  return gatherRows(constant(identity, [B, B]), order);
}
