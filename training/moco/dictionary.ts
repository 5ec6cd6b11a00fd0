// The keys that a mechanism keeps from one step to the next: a queue or a memory bank, behind one interface for the
// loop.
import { fromHalf } from "../../core/half.ts";
import type { TrainingConfig } from "../config/schema.ts";
import { randomStream } from "../data/streams.ts";
import type { Values } from "../graph/index.ts";
import { memoryBank } from "./memory-bank.ts";
import { type Keys, negativeQueue } from "./queue.ts";

/** The keys that queries are compared with, kept outside the graph. */
export interface Dictionary {
  /** All keys, [rows, D]: what a checkpoint stores. */
  readonly keys: Keys;
  /** Row of the queue that the next key replaces; always 0 for a memory bank. */
  readonly pointer: number;
  /** The negatives of the last step, [K, D]. */
  negatives(): Float32Array;
  /** Inputs of the graph for step `step` (from 0) on the images at `indices`. */
  feeds(indices: ArrayLike<number>, step: number): Values;
  /** Stores the `keys` [B, D] that the step computed for the images at `indices`. */
  update(indices: ArrayLike<number>, keys: Float32Array): void;
}

/** Rows of the dictionary: K for a queue, one an image for a memory bank. */
export const dictionaryRows = ({ mechanism, queue }: TrainingConfig, images: number): number =>
  mechanism === "memory-bank" ? images : queue;

/**
 * The dictionary of a run over existing keys. End-to-end training and MoCo v3 fill a queue too: not for their loss but
 * to be measured against.
 *
 * @param teacher With the mechanism distillation: the teacher's embeddings of the collection, [N, D].
 */
export function createDictionary(
  config: TrainingConfig,
  keys: Keys,
  { pointer = 0, teacher }: { pointer?: number | undefined; teacher?: Float32Array | undefined } = {},
): Dictionary {
  const { dim, batch, queue: K, seed, bankMomentum } = config;
  if (config.mechanism !== "memory-bank") {
    const queue = negativeQueue(keys, dim, pointer);
    const ofBatch = teacher && memoryBank(teacher, dim, 0);
    const positives = new Float32Array(teacher ? batch * dim : 0);
    return {
      keys,
      negatives: () => (keys instanceof Uint16Array ? fromHalf(keys) : keys),
      get pointer() {
        return queue.pointer;
      },
      feeds(indices) {
        ofBatch?.take(indices, positives);
        return { queue: keys, ...(ofBatch && { positives }) };
      },
      update: (_, newKeys) => queue.enqueue(newKeys),
    };
  }
  const bank = memoryBank(keys as Float32Array, dim, bankMomentum); // the configuration allows no float16 here
  const positives = new Float32Array(batch * dim);
  const negatives = new Float32Array(K * dim);
  return {
    keys,
    pointer: 0,
    negatives: () => negatives,
    feeds(indices, step) {
      bank.take(indices, positives);
      bank.sample(randomStream(seed, "bankSample", step), indices, negatives);
      return { positives, queue: negatives };
    },
    update: (indices, queries) => bank.update(indices, queries),
  };
}
