// The server under proof, in a process of its own: the real one, with a hold at the states of a swap, index threads that
// can be killed, and, where a test asks for it, one of the guards removed.
import { setTimeout as sleep } from "node:timers/promises";
import type { Worker } from "node:worker_threads";
import { startWorker } from "../core/processes.ts";
import { openGeneration } from "../server/generation/generation.ts";
import type { Options } from "../server/index.ts";
import { type Parts, start } from "../server/main.ts";
import { startIndexThread } from "../server/storage/hnsw/thread.ts";
import { openStore, type Store } from "../server/storage/open.ts";
import { type Guard, withoutGuard } from "./guards.ts";

/** To the server's process. `hold`: stop where a swap enters this state, until `go`. */
export type ToServer =
  | { readonly start: Options; readonly without?: Guard; readonly slow?: boolean }
  | { readonly hold: string }
  | { readonly go: true }
  | { readonly killIndexes: true };

/** From the server's process. */
export type FromServer = { readonly url: string } | { readonly failed: string } | { readonly held: string };

/** In slow mode: pauses that give every race time to happen, milliseconds. */
const SLOW_READY_MS = 250;
const SLOW_EMBED_MS = 50;

const workers = new Set<Worker>();
let holdAt: string | undefined;
let go = () => {};

const send = (message: FromServer) => process.send!(message, undefined, {}, () => {});

async function pauseAt(state: string, slow: boolean): Promise<void> {
  if (slow && state === "ready") await sleep(SLOW_READY_MS);
  if (state !== holdAt) return;
  holdAt = undefined;
  const released = new Promise<void>((resolve) => {
    go = resolve;
  });
  send({ held: state });
  await released;
}

/** A store that pauses after the write that brings a swap to another state. */
function pausingStore(store: Store, slow: boolean): Store {
  return {
    ...store,
    async write(apply, committed) {
      let entered: string | undefined;
      const value = await store.write(() => {
        const before = store.swaps.running();
        const result = apply();
        const after = before && store.swaps.get(before.id)!.state;
        if (after !== before?.state) entered = after;
        return result;
      }, committed);
      if (entered) await pauseAt(entered, slow);
      return value;
    },
  };
}

const startKillable: typeof startWorker = (module, options) => {
  const worker = startWorker(module, options);
  workers.add(worker);
  worker.once("exit", () => workers.delete(worker));
  return worker;
};

function partsOf(slow: boolean): Pick<Parts, "openStore" | "openGeneration"> {
  return {
    openStore: async (folder) => pausingStore(await openStore(folder), slow),
    async openGeneration(record, store, options, logger) {
      await pauseAt("loading", slow); // the write that begins a swap is its request's, which must be answered
      const generation = await openGeneration(record, store, options, logger, (dimensions, died) =>
        startIndexThread(dimensions, died, startKillable),
      );
      if (!slow) return generation;
      const startBackgroundEncoder: typeof generation.startBackgroundEncoder = async () => {
        const encoder = await generation.startBackgroundEncoder();
        return {
          ...encoder,
          async embedFiles(paths) {
            const embeddings = await encoder.embedFiles(paths);
            await sleep(SLOW_EMBED_MS);
            return embeddings;
          },
        };
      };
      return Object.create(generation, { startBackgroundEncoder: { value: startBackgroundEncoder } });
    },
  };
}

process.on("disconnect", () => process.exit(0));
process.on("message", async (message: ToServer) => {
  if ("hold" in message) holdAt = message.hold;
  else if ("go" in message) go();
  else if ("killIndexes" in message) for (const worker of workers) void worker.terminate();
  else {
    try {
      const parts = withoutGuard(message.without, partsOf(message.slow ?? false));
      const { url } = await start(message.start, parts);
      send({ url });
    } catch (error) {
      send({ failed: String(error) });
    }
  }
});
