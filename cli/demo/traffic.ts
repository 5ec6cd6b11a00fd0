// A swap while clients search all the time.
import { setTimeout as sleep } from "node:timers/promises";
import type { Client, SwapView } from "../../client/index.ts";
import { AppError } from "../../core/errors.ts";
import type { Sample } from "./samples.ts";

/** What the clients saw between the request for the swap and its end. */
export interface SwapUnderTraffic {
  readonly seconds: number;
  readonly requests: number;
  /** Requests that got an error, no matches, or an answer of neither model. */
  readonly failed: number;
  /** What the gate found. */
  readonly report: SwapView["report"];
}

const CLIENTS = 4;
/** Between a client's searches, milliseconds: what is shown is a swap, not an overloaded machine. */
const PAUSE = 50;

/**
 * Activates `model` and searches with {@link CLIENTS} clients until the swap has ended.
 *
 * @throws AppError `invalid_model` where the swap fails; the model from before then still answers.
 */
export async function activateUnderTraffic(
  client: Client,
  model: string,
  queries: readonly Sample[],
): Promise<SwapUnderTraffic> {
  const { model: before } = await client.searchByImage(queries[0]!, { k: 1 });
  let requests = 0;
  let failed = 0;
  let over = false;
  const began = performance.now();
  // Forced: the demo measures and shows afterwards whether a minute of training finds more or less.
  let swap = await client.activateModel(model, { force: true });
  const search = async (first: number) => {
    for (let i = first; !over; i += CLIENTS) {
      requests++;
      const answer = await client.searchByImage(queries[i % queries.length]!, { k: 10 }).catch(() => undefined);
      const expected = answer && [before.name, model].includes(answer.model.name) && answer.matches.length === 10;
      if (!expected) failed++;
      await sleep(PAUSE);
    }
  };
  const clients = Array.from({ length: CLIENTS }, (_, i) => search(i));
  for await (swap of client.followSwap(swap.id));
  const seconds = (performance.now() - began) / 1000;
  over = true;
  await Promise.all(clients);
  if (swap.state !== "active") {
    throw new AppError("invalid_model", `The swap ended as ${swap.state}: ${swap.error?.detail ?? "no reason given"}`);
  }
  return { seconds, requests, failed, report: swap.report };
}
