import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { hasEnded, type SwapView } from "../server/domain/swap.ts";
import type { TestServer } from "./test-server.ts";

/** Waits until a swap has ended and returns how. */
export async function swapEnd(server: TestServer, id: string): Promise<SwapView> {
  const deadline = Date.now() + 60_000;
  for (;;) {
    const { body } = await server.http.get(`/v1/swaps/${id}`).expect(200);
    if (hasEnded(body)) return body;
    assert.ok(Date.now() < deadline, `swap is still ${body.state}`);
    await sleep(20);
  }
}

/** Activates a model and returns how the swap ended. */
export async function activate(server: TestServer, name: string, query = {}): Promise<SwapView> {
  const { body } = await server.http.post(`/v1/models/${name}/activate`).query(query).expect(202);
  return swapEnd(server, body.swap.id);
}
