// A swap as it goes on: server-sent events.
import type { Response } from "express";
import { hasEnded } from "../../storage/sqlite/swap-records.ts";
import type { SwapView } from "../../swap/swaps.ts";

/** Between two looks at the swap: at most ten events a second. */
const LOOK_MS = 100;
/** A line that means nothing, so that proxies keep a silent stream open. */
const KEEP_ALIVE_MS = 15_000;

/**
 * Sends a swap whenever it has changed, each time as the whole JSON of `GET /v1/swaps/{id}`, and ends the answer when
 * the swap has ended, or where the server stops: then the client asks again.
 *
 * @param read Throws where there is no such swap.
 */
export function sendSwapEvents(response: Response, read: () => SwapView, stopping: AbortSignal): void {
  let last = JSON.stringify(read());
  // `no-transform` and the header of nginx: every event is to arrive at once.
  response.set({
    "Content-Type": "text/event-stream",
    "Cache-Control": "no-cache, no-transform",
    "X-Accel-Buffering": "no",
  });
  response.write(`data: ${last}\n\n`);
  const look = () => {
    const swap = read();
    const text = JSON.stringify(swap);
    if (text !== last) response.write(`data: ${text}\n\n`);
    last = text;
    if (hasEnded(swap)) response.end();
  };
  const looking = setInterval(look, LOOK_MS);
  const keepingAlive = setInterval(() => response.write(": still here\n\n"), KEEP_ALIVE_MS);
  const end = () => response.end();
  stopping.addEventListener("abort", end);
  response.on("close", () => {
    clearInterval(looking);
    clearInterval(keepingAlive);
    stopping.removeEventListener("abort", end);
  });
  look();
}
