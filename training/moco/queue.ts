// The dictionary as a queue (MoCo section 3.2): keys of the last K images, the oldest replaced first.
import { toHalf } from "../../core/half.ts";
import type { Random } from "../data/random.ts";

/** Array that holds keys, by their precision: float32 values, or the raw bits of float16. */
export const KEY_ARRAYS = { float32: Float32Array, float16: Uint16Array } as const;

/** Number format of the keys in a queue. */
export type QueuePrecision = keyof typeof KEY_ARRAYS;

/** Keys [K, D] of a precision, row by row. */
export type Keys<P extends QueuePrecision = QueuePrecision> = InstanceType<(typeof KEY_ARRAYS)[P]>;

/** A ring of K keys of length D. The graph reads `keys` and new keys are written into it: no copies. */
export interface NegativeQueue {
  /** Queue size, number of negative keys. */
  readonly K: number;
  /** [K, D] row by row, each of unit norm. */
  readonly keys: Keys;
  /** Row that the next key replaces, 0..K−1. */
  readonly pointer: number;
  /**
   * Replaces the oldest rows by `batch` [B, D], wrapping around at the end; a float16 queue rounds.
   *
   * @throws RangeError where B > K.
   */
  enqueue(batch: Float32Array): void;
}

/** A queue over existing keys. @param start Row that the next key replaces. @default 0 */
export function negativeQueue(keys: Keys, dim: number, start = 0): NegativeQueue {
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
      const newest = keys instanceof Uint16Array ? toHalf(batch) : batch;
      keys.set(newest.subarray(0, untilEnd * dim), pointer * dim);
      keys.set(newest.subarray(untilEnd * dim), 0);
      pointer = (pointer + rows) % K;
    },
  };
}

/** K keys of noise, each of unit norm: the initial queue, as in the authors' code. The first K images replace them. */
export function noiseKeys<P extends QueuePrecision = "float32">(
  K: number,
  dim: number,
  random: Random,
  precision = "float32" as P,
): Keys<P> {
  const queue = negativeQueue(new KEY_ARRAYS[precision](K * dim), dim);
  for (let row = 0; row < K; row++) {
    const key = Float32Array.from({ length: dim }, () => random.normal());
    const length = Math.hypot(...key);
    queue.enqueue(key.map((v) => v / length));
  }
  return queue.keys as Keys<P>;
}
