// What changes until it ends, such as a swap or a training, as server-sent events.
import { setTimeout as sleep } from "node:timers/promises";
import type { Response } from "express";

/** Milliseconds between two comments, which keep proxies from closing a silent stream. */
const KEEP_ALIVE_MS = 15_000;

/** Options of {@link sendEvents}. */
export interface EventOptions<T> {
  readonly hasEnded: (view: T) => boolean;
  /** Aborted when the server stops. */
  readonly stopping: AbortSignal;
  /** Milliseconds between two looks, and so between two events at least. */
  readonly lookMs: number;
}

/**
 * Sends what `read` resolves with whenever it has changed, each time as the whole JSON. The answer ends when that has
 * ended, or when the server stops: then the client asks again.
 *
 * @param read Rejects where there is no such thing; once it has begun, that ends the answer.
 */
export async function sendEvents<T>(
  response: Response,
  read: () => Promise<T>,
  { hasEnded, stopping, lookMs }: EventOptions<T>,
): Promise<void> {
  let view = await read();
  let last = "";
  // `no-transform` and nginx's header keep proxies from holding events back.
  response.set({
    "Content-Type": "text/event-stream",
    "Cache-Control": "no-cache, no-transform",
    "X-Accel-Buffering": "no",
  });
  const gone = new AbortController();
  response.on("close", () => gone.abort());
  const signal = AbortSignal.any([stopping, gone.signal]);
  const keepingAlive = setInterval(() => response.write(": still here\n\n"), KEEP_ALIVE_MS);
  try {
    for (;;) {
      const text = JSON.stringify(view);
      if (text !== last) response.write(`data: ${text}\n\n`);
      last = text;
      if (hasEnded(view) || signal.aborted) break;
      await sleep(lookMs, undefined, { signal }).catch(() => {});
      if (signal.aborted) break;
      view = await read();
    }
  } finally {
    clearInterval(keepingAlive);
    response.end();
  }
}
