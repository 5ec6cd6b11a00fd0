import { setTimeout as sleep } from "node:timers/promises";
import { awaitsApproval, hasEnded, type SwapState, type SwapView } from "../server/domain/swap.ts";
import type { TestServer } from "./test-server.ts";

/** Milliseconds between two looks at a swap. */
const ASKED_EVERY = 100;

/** A server, alone or one of several. */
type Asked = Pick<TestServer, "http">;

/**
 * Reads a swap until it has ended.
 *
 * @param read The swap as it is now; undefined where the server cannot say at the moment.
 * @param timeout Milliseconds. @default 60 000
 * @throws Error where it has not ended by then.
 */
export async function untilEnded<T extends { readonly state: string }>(
  read: () => Promise<T | undefined>,
  timeout = 60_000,
): Promise<T> {
  const deadline = Date.now() + timeout;
  for (;;) {
    const swap = await read();
    if (swap && hasEnded({ state: swap.state as SwapState })) return swap;
    if (Date.now() > deadline) throw new Error(`The swap does not end; it is ${swap?.state}.`);
    await sleep(ASKED_EVERY);
  }
}

/** Waits until a swap is ready and waits for approval. */
export async function swapInReview(server: Asked, id: string, timeout = 60_000): Promise<SwapView> {
  const deadline = Date.now() + timeout;
  for (;;) {
    const swap: SwapView = (await server.http.get(`/v1/swaps/${id}`).expect(200)).body;
    if (awaitsApproval(swap)) return swap;
    if (hasEnded(swap) || Date.now() > deadline) throw new Error(`The swap does not wait; it is ${swap.state}.`);
    await sleep(ASKED_EVERY);
  }
}

/** Waits until a swap has ended and returns how. Its events are one request, where asking again and again is twenty. */
export async function swapEnd(server: Asked, id: string, timeout = 60_000): Promise<SwapView> {
  const { text } = await server.http.get(`/v1/swaps/${id}/events`).timeout(timeout).expect(200);
  const swap: SwapView = JSON.parse(text.trimEnd().split("\n").at(-1)!.slice("data: ".length));
  if (!hasEnded(swap)) throw new Error(`The swap does not end; it is ${swap.state}.`);
  return swap;
}

/** Activates a model and returns how the swap ended. */
export async function activate(server: Asked, name: string, query = {}): Promise<SwapView> {
  const { body } = await server.http.post(`/v1/models/${name}/activate`).query(query).expect(202);
  return swapEnd(server, body.swap.id);
}
