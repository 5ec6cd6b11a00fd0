// The progress of a swap as server-sent events.
import { setTimeout as sleep } from "node:timers/promises";
import type { Response } from "express";
import { hasEnded, type SwapView } from "../../domain/swap.ts";

/** Milliseconds between two reads of the swap: at most ten events a second. */
const LOOK_MS = 100;
/** Milliseconds between two comments, which keep proxies from closing a silent stream. */
const KEEP_ALIVE_MS = 15_000;

/**
 * Sends a swap whenever it has changed, each time as the whole JSON of `GET /v1/swaps/{id}`. The answer ends with the
 * swap, or when the server stops: then the client asks again.
 *
 * @param read Throws where there is no such swap.
 */
export async function sendSwapEvents(
  response: Response,
  read: () => Promise<SwapView>,
  stopping: AbortSignal,
): Promise<void> {
  let swap = await read();
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
      const text = JSON.stringify(swap);
      if (text !== last) response.write(`data: ${text}\n\n`);
      last = text;
      if (hasEnded(swap) || signal.aborted) break;
      await sleep(LOOK_MS, undefined, { signal }).catch(() => {});
      if (signal.aborted) break;
      swap = await read();
    }
  } finally {
    clearInterval(keepingAlive);
    response.end();
  }
}
