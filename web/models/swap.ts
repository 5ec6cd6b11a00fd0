// The swap that is shown: begun here or elsewhere, followed until it ends. It is in the address, so that a reload shows
// it again.
import { effect, signal } from "@preact/signals";
import { hasEnded, type SwapView } from "../../client/index.ts";
import { address, replaceAddress, route } from "../state/route.ts";
import { api, models, patientApi, problemOf, readModels } from "../state/server.ts";
import { toast } from "../state/toasts.ts";

export const shownSwap = signal<SwapView | undefined>(undefined);

/** Begins a swap and shows it. */
export async function begin(start: () => Promise<SwapView>): Promise<void> {
  try {
    follow(await start());
    await readModels();
  } catch (error) {
    toast(problemOf(error).detail);
  }
}

/** Does something to the shown swap. */
export function act(what: "cancelSwap" | "approveSwap" | "discardSwap"): void {
  const swap = shownSwap.value;
  if (swap) api[what](swap.id).catch((error) => toast(problemOf(error).detail));
}

/** Shows no swap. */
export function closeSwap(): void {
  shownSwap.value = undefined;
  if (route.value.view === "models") replaceAddress(address("models"));
}

/** Shows a swap until it ends. */
export function follow(swap: SwapView): void {
  shownSwap.value = swap;
  if (route.peek().view === "models") replaceAddress(address("models", { swap: swap.id }));
  if (!hasEnded(swap)) void keepUp(swap.id);
}

async function keepUp(id: string): Promise<void> {
  const isShown = () => shownSwap.value?.id === id;
  for (let ended = false; !ended && isShown(); ) {
    try {
      for await (const next of patientApi.followSwap(id)) {
        if (!isShown()) return;
        ended = hasEnded(next);
        if (ended) await readModels().catch(() => {}); // so that what says "active" and what names the model agree
        shownSwap.value = next;
      }
    } catch (error) {
      // A server that restarts continues the swap: it is asked until it answers.
      if (problemOf(error).code !== "not_ready") return;
    }
  }
}

// What the address names, and what runs already, is shown.
effect(() => {
  const { view, parameters } = route.value;
  const id = view === "models" ? parameters.get("swap") : undefined;
  if (!id || shownSwap.peek()?.id === id) return;
  api.getSwap(id).then(follow, () => {});
});
effect(() => {
  const running = models.value?.swap;
  if (running && shownSwap.peek()?.id !== running.id) follow(running);
});
