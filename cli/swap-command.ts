// What `activate` and `rollback` share: a swap begun and followed to its end.
import { setTimeout as sleep } from "node:timers/promises";
import { AppError } from "../core/errors.ts";
import type { Client, Swap } from "./client.ts";
import { showProgress } from "./progress.ts";

const POLL_MS = 250;

/**
 * Follows a swap until it has ended and prints how.
 *
 * @throws AppError `invalid_model` where the swap failed or was cancelled: then the model from before still answers.
 */
export async function followSwap(client: Client, begun: Swap, { json }: { json?: boolean | undefined }): Promise<void> {
  const progress = showProgress("re-embedding", "images");
  let swap = begun;
  let state = "";
  while (!["active", "retired", "failed", "cancelled"].includes(swap.state)) {
    if (swap.state !== state) console.error(swap.state);
    state = swap.state;
    if (swap.progress) progress.update(swap.progress.done, swap.progress.total);
    await sleep(POLL_MS);
    swap = await client.swap(begun.id);
  }
  progress.stop();
  if (json) console.log(JSON.stringify(swap));
  if (swap.state === "failed" || swap.state === "cancelled") {
    throw new AppError("invalid_model", swap.error?.detail ?? `The swap was ${swap.state}; nothing has changed.`);
  }
  if (!json) console.log(`"${swap.model.name}" answers now.`);
}
