// Joins images that wait into one run of the encoder. Nothing is held back to fill a batch: whenever the encoder can
// take more, it gets the largest batch that waits.
import { AppError } from "../../core/errors.ts";

/** Options of {@link createBatcher}. */
export interface BatcherOptions {
  /** Bytes of one image's prepared pixels. */
  readonly imageBytes: number;
  /** Length D of an embedding. */
  readonly dimensions: number;
  /** [count, H, W, 3] → [count, D]. */
  readonly run: (pixels: Uint8Array, count: number) => Promise<Float32Array>;
  /** Largest batch; a power of two. */
  readonly maxBatch: number;
  /** Images under way, from decoding to their embedding, before more are refused. */
  readonly maxWaiting: number;
  /** Called with the time that each image waited for its batch. */
  readonly onQueued?: (seconds: number) => void;
}

export interface Batcher {
  /** Images that are being decoded, queued or embedded. */
  readonly waiting: number;
  /**
   * Prepares one image and embeds it.
   *
   * @throws AppError `overloaded` where too many images wait, `no_embedding` where the model gives none, and
   *   what `prepare` and the run throw.
   */
  embed(prepare: () => Promise<Uint8Array>): Promise<Float32Array>;
}

interface QueuedImage {
  readonly pixels: Uint8Array;
  readonly since: number;
  readonly resolve: (embedding: Float32Array) => void;
  readonly reject: (error: unknown) => void;
}

/** Runs sent to the encoder at a time: while one computes the next is on its way, so the encoder never idles. */
const RUNS_UNDER_WAY = 2;

/** The batch sizes that a batcher uses: powers of two, so that few shapes occur and each can be warmed. */
export function batchSizes(maxBatch: number): number[] {
  return Array.from({ length: Math.log2(maxBatch) + 1 }, (_, i) => 2 ** i);
}

/** Makes a {@link Batcher}. */
export function createBatcher({
  imageBytes,
  dimensions,
  run,
  maxBatch,
  maxWaiting,
  onQueued,
}: BatcherOptions): Batcher {
  const queue: QueuedImage[] = [];
  let runs = 0;
  let waiting = 0;

  const send = (): void => {
    while (runs < RUNS_UNDER_WAY && queue.length > 0) {
      void runBatch(queue.splice(0, 2 ** Math.floor(Math.log2(Math.min(queue.length, maxBatch)))));
    }
  };

  const runBatch = async (images: QueuedImage[]): Promise<void> => {
    runs++;
    try {
      const pixels = new Uint8Array(images.length * imageBytes);
      for (const [i, { pixels: own, since }] of images.entries()) {
        pixels.set(own, i * imageBytes);
        onQueued?.((performance.now() - since) / 1000);
      }
      const embeddings = await run(pixels, images.length);
      for (const [i, image] of images.entries()) {
        const embedding = embeddings.slice(i * dimensions, (i + 1) * dimensions);
        if (hasUnitNorm(embedding)) image.resolve(embedding);
        else image.reject(new AppError("no_embedding", "The model gives no usable embedding for this image."));
      }
    } catch (error) {
      for (const image of images) image.reject(error);
    } finally {
      runs--;
      send();
    }
  };

  const embed: Batcher["embed"] = async (prepare) => {
    const pixels = await prepare();
    return new Promise((resolve, reject) => {
      queue.push({ pixels, since: performance.now(), resolve, reject });
      // Images that become ready in one turn of the event loop go together.
      setImmediate(send);
    });
  };

  return {
    get waiting() {
      return waiting;
    },
    async embed(prepare) {
      if (waiting >= maxWaiting) {
        throw new AppError("overloaded", `${waiting} images wait for the encoder already. Try again in a moment.`);
      }
      waiting++;
      try {
        return await embed(prepare);
      } finally {
        waiting--;
      }
    },
  };
}

/** True for an embedding that can be stored and searched with. */
export function hasUnitNorm(embedding: Float32Array): boolean {
  let sum = 0;
  for (const value of embedding) sum += value * value;
  return Math.abs(sum - 1) < 1e-2;
}
