// The dictionary as a queue (MoCo section 3.2): keys of the last K images, the oldest replaced first.
import type { Random } from "../data/random.ts";

/** A ring of K keys of length D. The graph reads `keys`; new keys are written in place, so nothing is copied. */
export interface NegativeQueue {
  /** Queue size, number of negative keys. */
  readonly K: number;
  /** [K, D] row by row, each of unit norm. */
  readonly keys: Float32Array;
  /** Row that the next key replaces, 0..K−1. */
  readonly pointer: number;
  /** Replaces the oldest rows by `batch` [B, D]; goes on at row 0 where the end is reached. */
  enqueue(batch: Float32Array): void;
}

/** A queue over existing keys. */
export function negativeQueue(keys: Float32Array, dim: number, start = 0): NegativeQueue {
  const K = keys.length / dim;
  let pointer = start;
  return {
    K,
    keys,
    get pointer() {
      return pointer;
    },
    enqueue(batch) {
      const rows = batch.length / dim;
      if (rows > K) throw new RangeError(`enqueue: ${rows} keys do not fit a queue of ${K}`);
      const untilEnd = Math.min(rows, K - pointer);
      keys.set(batch.subarray(0, untilEnd * dim), pointer * dim);
      keys.set(batch.subarray(untilEnd * dim), 0);
      pointer = (pointer + rows) % K;
    },
  };
}

/** K noise keys of unit norm, as the authors begin: they are replaced by real keys during the first K images. */
export function noiseKeys(K: number, dim: number, random: Random): Float32Array {
  const keys = Float32Array.from({ length: K * dim }, () => random.normal());
  for (let row = 0; row < K; row++) {
    const key = keys.subarray(row * dim, (row + 1) * dim);
    const length = Math.hypot(...key);
    for (let i = 0; i < dim; i++) key[i]! /= length;
  }
  return keys;
}
