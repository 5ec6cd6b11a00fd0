// The server's side of the encoder process: starts it, and starts it again when it dies.
import type { Logger } from "pino";
import { AppError } from "../../core/errors.ts";
import type { ModelCard } from "../../core/model-card.ts";
import { siblingModule } from "../../core/paths.ts";
import type { Shape } from "../domain/shape.ts";
import { createPendingCalls } from "../pending-calls.ts";
import { type Child, startChild } from "../processes/child.ts";
import { fromPlainError } from "../processes/plain-error.ts";
import type { FoundShape, Picture } from "../shapes/see.ts";
import type { EncoderOptions, FromEncoder, ToEncoder } from "./messages.ts";

/** The answer to a batch, and that to a picture. */
type Embedded = Extract<FromEncoder, { readonly embeddings: Float32Array }>;
type Found = Extract<FromEncoder, { readonly found: FoundShape }>;
type Answer = Embedded | Found;

/** An encoder in a process of its own. */
export interface EncoderClient {
  /** Process id; undefined while the process is being started again. */
  readonly pid: number | undefined;
  /**
   * Embeds `count` images: pixels [count, H, W, 3] → embeddings [count, D].
   *
   * @throws AppError `encoder_unavailable` where the process dies meanwhile or is being started again.
   */
  run(pixels: Uint8Array, count: number): Promise<Float32Array>;
  /** Finds a shape in a picture. Errors as {@link EncoderClient.run}, and `no_cells` where the model has none. */
  findShape(picture: Picture, shape: Shape): Promise<FoundShape>;
  /**
   * Decodes and embeds the bytes of image files: for each its embedding [D], or why it cannot be decoded. Errors as
   * {@link EncoderClient.run}.
   */
  embedFiles(files: readonly Uint8Array[]): Promise<Array<Float32Array | Error>>;
  /** Ends the process once the runs under way are answered. */
  close(): Promise<void>;
}

/** What an encoder process may take before it is ended. */
export interface EncoderLimits {
  /** Seconds in which a model must be open. */
  readonly openSeconds: number;
  /** Seconds of one run; one that takes longer hangs, and the process is started again. */
  readonly runSeconds: number;
  /** Bytes of memory. */
  readonly maxEncoderBytes: number;
}

const FIRST_RETRY_MS = 200;
const LAST_RETRY_MS = 10_000;
/** A process that stays up this long is healthy: after its death the first retry comes soon again. */
const HEALTHY_MS = 30_000;

/** A model to be opened. Its encoder is read again whenever its process is started, and not kept meanwhile. */
export interface ModelSource {
  readonly card: ModelCard;
  /** The bytes of encoder.onnx. */
  read(): Promise<Uint8Array>;
}

/** What an encoder is started with. */
export interface EncoderDeps {
  readonly logger: Logger;
  /** Once aborted, the process is killed whatever it does; what waits for it fails with the signal's reason. */
  readonly signal: AbortSignal;
}

/**
 * Starts an encoder and returns once the model is open and checked.
 *
 * @throws AppError `invalid_model` or `device_unavailable` as `openEncoder`, `invalid_model` where it passes a limit,
 *   the signal's reason where it is aborted; nothing is left running then.
 */
export async function startEncoder(
  { card, read }: ModelSource,
  { openSeconds, runSeconds, maxEncoderBytes, ...options }: EncoderOptions & EncoderLimits,
  { logger, signal }: EncoderDeps,
): Promise<EncoderClient> {
  const calls = createPendingCalls<Answer>();
  const watchdogs = new Set<NodeJS.Timeout>();
  /** The process, from its start to its end. */
  let child: Child<ToEncoder> | undefined;
  let isOpen = false;
  let closing = false;
  let retryMs = FIRST_RETRY_MS;
  let retry: NodeJS.Timeout | undefined;

  // Why a process was killed: one of these, or the signal's reason.
  const tooMuchMemory = `took more than ${Math.round(maxEncoderBytes / 1e6)} MB of memory (maxEncoderBytes)`;
  const opensTooLong = `was not open after ${openSeconds} seconds (openSeconds)`;
  const hangs = `took longer than ${runSeconds} seconds for a run (runSeconds)`;

  const unavailable = (reason: unknown = "stopped") =>
    typeof reason === "string"
      ? new AppError(
          "encoder_unavailable",
          `The encoder of model "${card.name}" ${reason} and is being started again. Try again in a few seconds.`,
        )
      : reason;
  const refusal = (reason: unknown) =>
    typeof reason === "string"
      ? new AppError("invalid_model", `Model "${card.name}" cannot be used: its encoder ${reason}.`)
      : (reason ?? new AppError("encoder_unavailable", "The encoder process ended while opening."));

  const open = async (): Promise<void> => {
    const onnx = await read();
    signal.throwIfAborted();
    if (closing) throw unavailable();
    await new Promise<void>((resolve, reject) => {
      const started = startChild<ToEncoder, FromEncoder>(siblingModule(import.meta.url, "process"), {
        onMessage(message) {
          if ("ready" in message) {
            const { device, fellBack } = message;
            logger.info({ model: card.name, device, ...(fellBack && { fellBack }) }, "the encoder is open");
            isOpen = true;
            resolve();
          } else if ("refused" in message) started.kill(fromPlainError(message.refused));
          else if ("alive" in message) for (const watchdog of watchdogs) watchdog.refresh();
          else if ("error" in message) calls.reject(message.id, fromPlainError(message.error));
          else calls.resolve(message.id, message);
        },
        maxMemory: maxEncoderBytes,
        tooMuchMemory,
        input: onnx,
        background: options.background,
      });
      child = started;
      const startedAt = Date.now();
      const deadline = setTimeout(() => isOpen || started.kill(opensTooLong), openSeconds * 1000);
      void started.ended.then(({ reason, ...exit }) => {
        const wasOpen = isOpen;
        child = undefined;
        isOpen = false;
        clearTimeout(deadline);
        reject(refusal(reason)); // where it was not open yet
        calls.rejectAll(unavailable(reason));
        if (closing || !wasOpen) return;
        logger.error({ reason, ...exit, model: card.name }, "the encoder process died; starting it again");
        if (Date.now() - startedAt > HEALTHY_MS) retryMs = FIRST_RETRY_MS;
        openAgain();
      });
      started.send({ open: card, bytes: onnx.length, options });
    });
  };

  const openAgain = () => {
    retry = setTimeout(async () => {
      retryMs = Math.min(retryMs * 2, LAST_RETRY_MS);
      try {
        await open();
      } catch (error) {
        if (closing) return;
        logger.error({ err: error, model: card.name }, "the encoder could not be started again");
        openAgain();
      }
    }, retryMs);
  };

  const ask = <T extends Answer>(message: (id: number) => ToEncoder): Promise<T> => {
    if (!child || !isOpen) return Promise.reject(unavailable());
    const { id, answer } = calls.open();
    const asked = child;
    const watchdog = setTimeout(() => asked.kill(hangs), runSeconds * 1000);
    watchdogs.add(watchdog);
    asked.send(message(id), () => calls.reject(id, unavailable())); // killed, and its end not noticed yet
    return (answer as Promise<T>).finally(() => {
      clearTimeout(watchdog);
      watchdogs.delete(watchdog);
    });
  };

  /** Ends the process, which has nothing that could be lost, and starts none again. */
  const end = async (reason: unknown): Promise<void> => {
    closing = true;
    clearTimeout(retry);
    child?.kill(reason);
    await child?.ended;
  };
  const abort = () => void end(signal.reason);
  signal.addEventListener("abort", abort);
  try {
    await open();
  } catch (error) {
    signal.removeEventListener("abort", abort);
    throw error;
  }

  return {
    get pid() {
      return isOpen ? child?.pid : undefined;
    },
    run: async (pixels, count) => (await ask<Embedded>((id) => ({ id, pixels, count }))).embeddings,
    findShape: async (picture, shape) => (await ask<Found>((id) => ({ id, picture, shape }))).found,
    async embedFiles(files) {
      const { embeddings, undecodable = [] } = await ask<Embedded>((id) => ({ id, files }));
      const embedded: Array<Float32Array | Error> = files.map((_, i) =>
        embeddings.slice(i * card.dimensions, (i + 1) * card.dimensions),
      );
      for (const { file, error } of undecodable) embedded[file] = fromPlainError(error);
      return embedded;
    },
    async close() {
      closing = true;
      await calls.drained();
      await end("was closed");
      signal.removeEventListener("abort", abort);
    },
  };
}
