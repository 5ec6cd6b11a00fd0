// Decodes images that come from outside. Cheap ones in the server's own threads; those that may cost seconds or
// hundreds of megabytes in a process that is killed when one takes too long, and a bounded number of pixels at a time.
import type { Logger } from "pino";
import type { ImageInfo, ImageShape, Region } from "../../core/decode.ts";
import { AppError } from "../../core/errors.ts";
import { siblingModule } from "../../core/paths.ts";
import { createPendingCalls, type PendingCalls } from "../pending-calls.ts";
import { type Child, startChild } from "../processes/child.ts";
import { fromPlainError } from "../processes/plain-error.ts";
import { CHEAP_PIXELS, inspectImage, mayBeCheap, type PixelLimits, sharesOf } from "./cost.ts";
import { type FromDecoder, make, type Target, type ToDecoder } from "./messages.ts";
import { ALL_SHARES, createShareQueue } from "./share-queue.ts";

export interface Decoder {
  /** Reads the header of an image file. Errors as `inspectImage`. */
  inspect(bytes: Uint8Array): Promise<ImageInfo>;
  /**
   * RGB pixels, as `decodeImage` makes them.
   *
   * @throws AppError as `inspectImage` and `decodeImage`; `corrupt_image` where decoding passes a limit; `overloaded`.
   */
  pixels(bytes: Uint8Array, shape: ImageShape, region?: Region): Promise<Uint8Array>;
  /** A thumbnail, as `makeThumbnail` makes it. Errors as {@link Decoder.pixels}. */
  thumbnail(bytes: Uint8Array, size: number): Promise<Uint8Array>;
  /** Ends the process. */
  close(): Promise<void>;
}

/** What decoding may take. */
export interface DecoderLimits extends PixelLimits {
  /** Seconds of one expensive image. */
  readonly decodeSeconds: number;
  /** Expensive images that may wait. */
  readonly maxWaiting: number;
}

/** After so long without a large image the process is ended, which gives its memory back. */
const IDLE_MS = 10_000;
/** Bytes of memory of the process. */
const MAX_MEMORY = 1024 ** 3;

/** Why an image is not decoded: the process ended meanwhile, maybe by another image's fault. */
const LOST = Symbol("lost");

/** The process and what it was asked. */
interface DecodingProcess {
  readonly child: Child<ToDecoder>;
  readonly calls: PendingCalls<Uint8Array>;
  /** Resolves when it has started, or ended. */
  readonly ready: Promise<unknown>;
  /** Ends the process when it has been idle. */
  readonly idle: NodeJS.Timeout;
}

/** Makes a decoder. Its process starts with the first expensive image, and again after it was ended. */
export function createDecoder(limits: DecoderLimits, { logger }: { readonly logger: Logger }): Decoder {
  const { decodeSeconds, maxWaiting } = limits;
  const cheapPixels = Math.min(CHEAP_PIXELS, limits.maxPixels);
  const queue = createShareQueue();
  let current: DecodingProcess | undefined;

  const start = (): DecodingProcess => {
    const calls = createPendingCalls<Uint8Array>();
    let isReady = () => {};
    const ready = new Promise<void>((resolve) => (isReady = resolve));
    const child = startChild<ToDecoder, FromDecoder>(siblingModule(import.meta.url, "process"), {
      onMessage(message) {
        if ("ready" in message) isReady();
        else if ("error" in message) calls.reject(message.id, fromPlainError(message.error));
        else calls.resolve(message.id, message.made);
      },
      maxMemory: MAX_MEMORY,
      tooMuchMemory: "took too much memory",
    });
    const idle = setTimeout(() => {
      if (calls.size > 0) return void idle.refresh();
      leave(started);
      child.kill(CLOSED);
    }, IDLE_MS);
    const started = { child, calls, ready: Promise.race([ready, child.ended]), idle };
    void child.ended.then((end) => {
      clearTimeout(idle);
      leave(started);
      calls.rejectAll(LOST);
      if (end.reason !== CLOSED) logger.warn(end, "the decoding process ended");
    });
    return started;
  };
  /** Sends nothing more to a process that ends. */
  const leave = (process: DecodingProcess) => {
    if (current === process) current = undefined;
  };

  const decodeApart = (bytes: Uint8Array, target: Target, maxPixels: number): Promise<Uint8Array> => {
    current ??= start();
    const process = current;
    const { id, answer } = process.calls.open();
    let isAnswered = false;
    let deadline: NodeJS.Timeout | undefined;
    void process.ready.then(() => {
      if (isAnswered) return;
      deadline = setTimeout(() => {
        leave(process);
        process.calls.reject(id, tooExpensive());
        process.child.kill("took too long to decode an image");
      }, decodeSeconds * 1000);
      process.child.send({ id, bytes, target, maxPixels }, () => {
        leave(process);
        process.calls.reject(id, LOST);
      });
    });
    return answer.finally(() => {
      isAnswered = true;
      clearTimeout(deadline);
      if (current === process) process.idle.refresh();
    });
  };
  const tooExpensive = () =>
    new AppError(
      "corrupt_image",
      `Expected an image that decodes within ${decodeSeconds} seconds and ${MAX_MEMORY / 1024 ** 2} MB but this one does not. Make it smaller, or send it as JPEG.`,
    );

  const decode = async (bytes: Uint8Array, target: Target): Promise<Uint8Array> => {
    const made = mayBeCheap(bytes) ? await makeCheap(bytes, target, cheapPixels) : undefined;
    if (made) return made;
    const info = await inspectImage(bytes, limits);
    const shares = sharesOf(info, limits);
    const pixels = info.width * info.height;
    if (queue.waiting >= maxWaiting) {
      throw new AppError("overloaded", `${queue.waiting} large images wait to be decoded. Try again in a moment.`);
    }
    try {
      return await queue.run(shares, () => decodeApart(bytes, target, pixels));
    } catch (error) {
      if (error !== LOST) throw error;
    }
    // Again with no other beside it: where the process ends once more it is this image's doing.
    return queue
      .run(ALL_SHARES, () => decodeApart(bytes, target, pixels))
      .catch((error) => {
        throw error === LOST ? tooExpensive() : error;
      });
  };

  return {
    inspect: (bytes) => inspectImage(bytes, limits),
    pixels: (bytes, shape, region) => decode(bytes, { shape, region }),
    thumbnail: (bytes, size) => decode(bytes, { size }),
    async close() {
      const process = current;
      process?.child.kill(CLOSED);
      await process?.child.ended;
    },
  };
}

const CLOSED = "was closed";

/** Makes the target here, in the server's threads; undefined where the image is too large for that. */
function makeCheap(bytes: Uint8Array, target: Target, maxPixels: number): Promise<Uint8Array | undefined> {
  return make(bytes, target, maxPixels).catch((error) => {
    if (error instanceof AppError && error.code === "image_too_many_pixels") return undefined;
    throw error;
  });
}
