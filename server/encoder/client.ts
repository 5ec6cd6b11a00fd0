// The server's side of the encoder process: starts it, and starts it again when it dies.
import type { ChildProcess } from "node:child_process";
import { constants, setPriority } from "node:os";
import type { Logger } from "pino";
import { AppError } from "../../core/errors.ts";
import type { ModelCard } from "../../core/model-card.ts";
import { siblingModule } from "../../core/paths.ts";
import { exitOf, startProcess } from "../../core/processes.ts";
import { createPendingCalls } from "../pending-calls.ts";
import { type EncoderOptions, type FromEncoder, fromPlainError, type ToEncoder } from "./messages.ts";

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
  /** Decodes and embeds the bytes of image files: [files, D]. Errors as {@link EncoderClient.run}, and of decoding. */
  embedFiles(files: readonly Uint8Array[]): Promise<Float32Array>;
  /** Ends the process once the runs under way are answered. */
  close(): Promise<void>;
}

const FIRST_RETRY_MS = 200;
const LAST_RETRY_MS = 10_000;
/** A process that stays up this long is healthy: after its death the first retry comes soon again. */
const HEALTHY_MS = 30_000;
const EXIT_MS = 5000;

const unavailable = () =>
  new AppError("encoder_unavailable", "The encoder stopped and is being started again. Try again in a few seconds.");

/** A model to be opened. Its encoder is read again whenever its process is started, and not kept meanwhile. */
export interface ModelSource {
  readonly card: ModelCard;
  /** The bytes of encoder.onnx. */
  read(): Promise<Uint8Array>;
}

/**
 * Starts an encoder and returns once the model is open and checked.
 *
 * @param options.runSeconds A run that takes longer counts as hung: the process is killed and started again.
 * @throws AppError `invalid_model` or `device_unavailable` as `openEncoder`; nothing is left running then.
 */
export async function startEncoder(
  { card, read }: ModelSource,
  { runSeconds, ...options }: EncoderOptions & { readonly runSeconds: number },
  logger: Logger,
): Promise<EncoderClient> {
  const calls = createPendingCalls<Float32Array>();
  let child: ChildProcess | undefined;
  let closing = false;
  let retryMs = FIRST_RETRY_MS;
  let retry: NodeJS.Timeout | undefined;

  const open = async (): Promise<void> => {
    const onnx = await read();
    const process = startProcess(siblingModule(import.meta.url, "process"));
    // Before the process starts threads, which inherit its priority. It can be lowered, but not raised again without
    // privileges, which is why a background encoder never becomes the one that serves.
    if (options.background && process.pid) setPriority(process.pid, constants.priority.PRIORITY_BELOW_NORMAL);
    const say = (message: ToEncoder) => process.send(message);
    const exited = exitOf(process);
    const opened = new Promise<void>((resolve, reject) => {
      process.on("message", (message: FromEncoder) => {
        if ("ready" in message) {
          const { device, fellBack } = message;
          logger.info({ model: card.name, device, ...(fellBack && { fellBack }) }, "the encoder is open");
          resolve();
        } else if ("refused" in message) reject(fromPlainError(message.refused));
        else if ("error" in message) calls.reject(message.id, fromPlainError(message.error));
        else calls.resolve(message.id, message.embeddings);
      });
      process.on("error", reject);
      void exited.then(() => reject(new AppError("encoder_unavailable", "The encoder process ended while opening.")));
    });
    say({ open: { card, onnx }, options });
    try {
      await opened;
    } catch (error) {
      if (process.connected) process.disconnect();
      throw error;
    }
    const startedAt = Date.now();
    child = process;
    void exited.then(({ code, signal }) => {
      child = undefined;
      calls.rejectAll(unavailable());
      if (closing) return;
      logger.error({ code, signal, model: card.name }, "the encoder process died; starting it again");
      if (Date.now() - startedAt > HEALTHY_MS) retryMs = FIRST_RETRY_MS;
      openAgain();
    });
  };

  const openAgain = () => {
    retry = setTimeout(async () => {
      retryMs = Math.min(retryMs * 2, LAST_RETRY_MS);
      try {
        await open();
        if (closing) child?.disconnect();
      } catch (error) {
        logger.error({ err: error, model: card.name }, "the encoder could not be started again");
        if (!closing) openAgain();
      }
    }, retryMs);
  };

  const ask = (message: (id: number) => ToEncoder): Promise<Float32Array> => {
    if (!child) return Promise.reject(unavailable());
    const { id, answer } = calls.open();
    const process = child;
    const watchdog = setTimeout(() => {
      logger.error({ pid: process.pid, runSeconds }, "the encoder hangs; ending its process");
      process.kill("SIGKILL");
    }, runSeconds * 1000);
    process.send(message(id), (error) => error && calls.reject(id, unavailable())); // it has just died
    return answer.finally(() => clearTimeout(watchdog));
  };

  await open();

  return {
    get pid() {
      return child?.pid;
    },
    run: (pixels, count) => ask((id) => ({ id, pixels, count })),
    embedFiles: (files) => ask((id) => ({ id, files })),
    async close() {
      closing = true;
      clearTimeout(retry);
      await calls.drained();
      const process = child;
      if (!process) return;
      const exited = exitOf(process);
      const kill = setTimeout(() => process.kill("SIGKILL"), EXIT_MS);
      if (process.connected) process.disconnect();
      await exited;
      clearTimeout(kill);
    },
  };
}
