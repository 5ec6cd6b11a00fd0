// A generation: one encoder and the index of its embeddings. Embeddings of two encoders are not comparable, so encoder
// and index are opened, switched and closed together.
import type { Logger } from "pino";
import { AppError } from "../../core/errors.ts";
import type { ModelCard } from "../../core/model-card.ts";
import type { Prepare } from "../decoding/preparer.ts";
import type { GenerationRecord } from "../domain/generation.ts";
import type { ImageMatch } from "../domain/image.ts";
import { batchSizes, createBatcher } from "../encoder/batcher.ts";
import { type EncoderClient, type EncoderLimits, type ModelSource, startEncoder } from "../encoder/client.ts";
import type { EncoderOptions } from "../encoder/messages.ts";
import { oneAtATime } from "../encoder/one-at-a-time.ts";
import type { Metrics, Stage } from "../metrics.ts";
import type { Storage, VectorIndex, Wanted } from "../storage/ports.ts";

/** Pictures under way before more are refused: each takes a fifth of a second or more. */
const MAX_PICTURES = 16;

/** A second process of an encoder, for background work. */
export type BackgroundEncoder = Pick<EncoderClient, "embedFiles" | "close">;

export interface Generation {
  readonly number: number;
  readonly card: ModelCard;
  /** Number that the encoder's embeddings are stored under. */
  readonly encoder: number;
  readonly index: VectorIndex;
  /** Process id of the encoder; undefined while it is being started again. */
  readonly pid: number | undefined;
  /** Images that are being decoded, queued or embedded. */
  readonly waitingImages: number;
  /** Embeds one image; see `Batcher.embed` for errors. */
  embed(prepare: Prepare): Promise<Float32Array>;
  /** Finds a shape in a picture; see {@link EncoderClient.findShape}. `overloaded` where too many wait for theirs. */
  readonly findShape: EncoderClient["findShape"];
  /** Searches the index; see {@link VectorIndex.search}. */
  search(query: Float32Array, wanted: Wanted): Promise<ImageMatch[]>;
  /** Starts a second process of the same encoder, at a lower priority. Errors as `startEncoder`. */
  startBackgroundEncoder(): Promise<BackgroundEncoder>;
  /** Runs each batch size that will be served once. */
  warm(): Promise<void>;
  /** Keeps the generation open until `action` ends. */
  use<T>(action: (generation: Generation) => Promise<T>): Promise<T>;
  /** Ends the encoder process and the index once no request uses the generation. */
  close(): Promise<void>;
}

/** Options of {@link openGeneration}. */
export interface GenerationOptions extends EncoderOptions, EncoderLimits {
  /** Largest batch of one encoder run; a power of two. */
  readonly maxBatch: number;
  /** Images under way before more are refused. */
  readonly maxWaiting: number;
}

/** What opening a generation takes from the server around it. */
export interface GenerationDeps {
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Once aborted, the encoder is killed whatever it does; see `startEncoder`. */
  readonly signal: AbortSignal;
}

/**
 * Opens the encoder of a generation; its index serves after `index.fill()`.
 *
 * @throws AppError as `startEncoder`.
 */
export async function openGeneration(
  { number, card, encoder }: GenerationRecord,
  { models, vectors }: Storage,
  { maxBatch, maxWaiting, device, threads, openSeconds, runSeconds, maxEncoderBytes }: GenerationOptions,
  { logger: parentLogger, metrics, signal }: GenerationDeps,
): Promise<Generation> {
  const logger = parentLogger.child({ generation: number });
  const model = modelIn(models, card);
  const encoderOptions = { device, threads, openSeconds, runSeconds, maxEncoderBytes };
  const client = await startEncoder(model, encoderOptions, { logger, signal });
  const imageBytes = card.input.width * card.input.height * 3;
  const timed = async <T>(stage: Stage, action: () => Promise<T>): Promise<T> => {
    const began = performance.now();
    const value = await action();
    metrics.stage(stage, (performance.now() - began) / 1000);
    return value;
  };
  const batcher = createBatcher({
    imageBytes,
    dimensions: card.dimensions,
    run(pixels, count) {
      metrics.batch(count);
      return timed("encode", () => client.run(pixels, count));
    },
    maxBatch,
    maxWaiting,
    onQueued: (seconds) => metrics.stage("queue", seconds),
  });
  const index = vectors.open({ number, encoder, card });
  let users = 0;
  let whenUnused = () => {};

  const generation: Generation = {
    number,
    card,
    encoder,
    index,
    get pid() {
      return client.pid;
    },
    get waitingImages() {
      return batcher.waiting;
    },
    embed: (prepare) => batcher.embed(() => timed("decode", () => prepare(card.input))),
    findShape: oneAtATime(client.findShape, { most: MAX_PICTURES, what: "pictures wait for their shapes" }),
    search: (query, wanted) => timed("search", () => index.search(query, wanted)),
    startBackgroundEncoder: () => startEncoder(model, { ...encoderOptions, background: true }, { logger, signal }),
    async warm() {
      for (const count of batchSizes(maxBatch)) await client.run(new Uint8Array(count * imageBytes).fill(128), count);
    },
    async use(action) {
      users++;
      try {
        return await action(generation);
      } finally {
        if (--users === 0) whenUnused();
      }
    },
    async close() {
      if (users > 0) await new Promise<void>((resolve) => (whenUnused = resolve));
      await Promise.all([client.close(), index.close()]);
    },
  };
  return generation;
}

/** The model of a card, as it is in the storage. */
export const modelIn = (models: Storage["models"], card: ModelCard): ModelSource => ({
  card,
  async read() {
    const onnx = await models.get(card.sha256);
    if (onnx) return onnx;
    throw new AppError("invalid_model", `The encoder of model "${card.name}" is not in the storage any more.`);
  },
});
