// The memory bank (MoCo figure 2b and section 3.2; Wu et al., arXiv 1805.01978): one slot for each image of the
// collection. Negatives are sampled from it. The dictionary is large, but a key is as old as the last step that saw its
// image.
import type { Random } from "../data/random.ts";
import { crossEntropyWithLabel0, type FormChooser, input, stopGradient, type Tensor } from "../graph/index.ts";
import { tensorSpecs } from "../network/scope.ts";
import type { Optimizer } from "../optimize/optimizer.ts";
import { type Encoder, encode, named, thetaInputs } from "./encode.ts";
import { contrastiveAccuracy, mocoLogits } from "./loss.ts";
import type { MocoConfig, MocoStep } from "./step.ts";
import { learn } from "./update.ts";

/**
 * One step from one view `xq` [B, 3, H, W]. There is no key encoder: the positive key of an image is its slot.
 *
 * Inputs besides those of the view and the state: `positives` [B, D], the batch's own slots; `queue` [K, D], sampled
 * slots; `learningRate` and `step` []. The output `keys` is the queries: they update the slots.
 */
export function memoryBankStep(
  f: Encoder,
  xq: Tensor,
  config: MocoConfig,
  optimizer: Optimizer,
  chooser?: FormChooser,
): MocoStep {
  const { B, K, T, dim: D, bnGroups } = config;
  const tensors = tensorSpecs((scope) => f(xq, scope));
  const theta = thetaInputs(tensors, "q");
  const query = encode(f, xq, theta, { bnGroups, chooser });
  const q = query.vectors; // queries: [B, D]
  const k = input("positives", [B, D]); // keys of the same images: [B, D]
  const logits = mocoLogits(q, k, input("queue", [K, D]), T); // [B, 1+K]
  const loss = crossEntropyWithLabel0(logits);
  const { next, gradients } = learn(loss, theta, optimizer, config);
  return {
    outputs: { loss, accuracy: contrastiveAccuracy(logits), queries: q, keys: stopGradient(q), logits },
    next: new Map([...next, ...named("q", query.buffers)]),
    gradients,
    tensors,
  };
}

/** The slots of a collection of N images. */
export interface MemoryBank {
  /** [N, D] row by row, each of unit norm. */
  readonly slots: Float32Array;
  /** Copies the slots at `indices` to `out` [indices.length, D]. */
  take(indices: ArrayLike<number>, out: Float32Array): void;
  /** Copies K randomly drawn slots, none of them of the images in `batch`, to `out` [K, D]. */
  sample(random: Random, batch: ArrayLike<number>, out: Float32Array): void;
  /** slot ← slot·m + q·(1−m), of unit norm again, for the images at `indices`; `queries` [indices.length, D]. */
  update(indices: ArrayLike<number>, queries: Float32Array): void;
}

/** A bank over existing slots. @param momentum Share of its old content that a slot keeps, 0..1. */
export function memoryBank(slots: Float32Array, dim: number, momentum: number): MemoryBank {
  const N = slots.length / dim;
  const slot = (index: number) => slots.subarray(index * dim, (index + 1) * dim);
  return {
    slots,
    take(indices, out) {
      for (let n = 0; n < indices.length; n++) out.set(slot(indices[n]!), n * dim);
    },
    sample(random, batch, out) {
      const own = new Set(Array.from(batch));
      for (let n = 0; n < out.length / dim; n++) {
        let index = random.integer(N);
        while (own.has(index) && own.size < N) index = random.integer(N);
        out.set(slot(index), n * dim);
      }
    },
    update(indices, queries) {
      for (let n = 0; n < indices.length; n++) {
        const key = slot(indices[n]!);
        let square = 0;
        for (let i = 0; i < dim; i++) {
          key[i] = momentum * key[i]! + (1 - momentum) * queries[n * dim + i]!;
          square += key[i]! ** 2;
        }
        const length = Math.sqrt(square) || 1;
        for (let i = 0; i < dim; i++) key[i]! /= length;
      }
    },
  };
}
