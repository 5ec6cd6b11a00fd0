// The server under proof, in a process of its own: the real one, with a hold at the states of a swap, index threads
// that can be killed, and, where a test asks for it, one of the guards removed.
import { setTimeout as sleep } from "node:timers/promises";
import type { Worker } from "node:worker_threads";
import { startWorker } from "../core/processes.ts";
import type { Parts } from "../server/assemble.ts";
import { openGeneration } from "../server/generation/generation.ts";
import type { Options } from "../server/index.ts";
import { start } from "../server/main.ts";
import { startIndexThread } from "../server/storage/hnsw/thread.ts";
import { openStorage } from "../server/storage/open.ts";
import type { Catalogue, Servers } from "../server/storage/ports.ts";
import { FENCES, type Fence, type Kept, openSharedWithout, slowed, untilLate } from "./fences.ts";
import { type Guard, withoutGuard } from "./guards.ts";

/**
 * To the server's process. `hold`: stop where a swap enters this state, until `go`; then (`fails`) it fails. Meanwhile a
 * server that is `deaf` hears nothing of the others.
 */
export type ToServer =
  | { readonly start: Options; readonly without?: Guard | Fence; readonly slow?: boolean }
  | { readonly hold: string; readonly deaf: boolean }
  | { readonly go: true; readonly fails: boolean }
  | { readonly killIndexes: true };

/** From the server's process. */
export type FromServer =
  | { readonly url: string }
  | { readonly failed: string }
  | { readonly held: string }
  | { readonly killedIndexes: true };

/** In slow mode: pauses that give every race time to happen, milliseconds. */
const SLOW_READY_MS = 500;
const SLOW_EMBED_MS = 50;
/** A server is deaf no longer than this, well below its lease, milliseconds. */
const DEAF_MS = 5000;

const workers = new Set<Worker>();
let holdAt: string | undefined;
let isDeaf = false;
let go = (_fails: boolean) => {};
/** While a swap is held. */
let released: Promise<boolean> | undefined;

const send = (message: FromServer) => process.send!(message, undefined, {}, () => {});

async function pauseAt(state: string, slow: boolean): Promise<void> {
  if (slow && state === "ready") await sleep(SLOW_READY_MS);
  if (state !== holdAt) return;
  holdAt = undefined;
  released = new Promise((resolve) => {
    go = resolve;
  });
  send({ held: state });
  if (await released) throw new Error("The proof lets this swap fail.");
}

/** A registry that waits, where the server is deaf, until the swap goes on. */
const heardLate = (servers: Servers): Servers => ({
  ...servers,
  async beat(self) {
    if (isDeaf) await Promise.race([released, sleep(DEAF_MS)]);
    return servers.beat(self);
  },
});

/** A catalogue that pauses after the commit that brings a swap to another state. */
function pausing(catalogue: Catalogue, slow: boolean): Catalogue {
  return {
    ...catalogue,
    swaps: {
      ...catalogue.swaps,
      async enter(id, state) {
        await catalogue.swaps.enter(id, state);
        // The swap enters `loading` as soon as it has begun; `openGeneration` pauses there.
        if (state !== "loading") await pauseAt(state, slow);
      },
      async switchTo(id, without) {
        const switched = await catalogue.swaps.switchTo(id, without);
        if (switched) void pauseAt("active", slow); // nothing is held: uploads wait for the new generation to answer
        return switched;
      },
    },
  };
}

const startKillable: typeof startWorker = (module, options) => {
  const worker = startWorker(module, options);
  workers.add(worker);
  worker.once("exit", () => workers.delete(worker));
  return worker;
};

const isFence = (without: Guard | Fence | undefined): without is Fence => FENCES.some((fence) => fence === without);

function partsOf(
  slow: boolean,
  without: Fence | undefined,
): Pick<Parts, "openStorage" | "openSharedStorage" | "openGeneration"> {
  const kept: Kept = { uploads: 0 };
  return {
    async openSharedStorage(places, logger) {
      const storage = await openSharedWithout(without, places, logger);
      const shared = slow ? slowed(storage, kept, without) : storage;
      const servers = shared.servers && heardLate(shared.servers);
      return { ...shared, catalogue: pausing(shared.catalogue, slow), ...(servers && { servers }) };
    },
    openStorage: (folder, logger, { wrapCatalogue = (catalogue: Catalogue) => catalogue } = {}) =>
      openStorage(folder, logger, {
        startThread: (dimensions, died) => startIndexThread(dimensions, died, startKillable),
        wrapCatalogue: (catalogue) => wrapCatalogue(pausing(catalogue, slow)),
      }),
    async openGeneration(record, storage, options, deps) {
      await pauseAt("loading", slow); // the request that began the swap is answered meanwhile
      if (slow && storage.servers) await untilLate(storage.catalogue, kept);
      const generation = await openGeneration(record, storage, options, deps);
      if (!slow) return generation;
      const startBackgroundEncoder: typeof generation.startBackgroundEncoder = async () => {
        const encoder = await generation.startBackgroundEncoder();
        return {
          ...encoder,
          async embedFiles(files) {
            const embeddings = await encoder.embedFiles(files);
            await sleep(SLOW_EMBED_MS);
            return embeddings;
          },
        };
      };
      return Object.create(generation, { startBackgroundEncoder: { value: startBackgroundEncoder } });
    },
  };
}

// Without an exit's tidying up, which would end a thread inside a call of the native index and say so at length.
process.on("disconnect", () => process.kill(process.pid, "SIGKILL"));
process.on("message", async (message: ToServer) => {
  if ("hold" in message) ({ hold: holdAt, deaf: isDeaf } = message);
  else if ("go" in message) {
    holdAt = undefined;
    go(message.fails); // before it hears again
    isDeaf = false;
  } else if ("killIndexes" in message) {
    // A thread inside a native call ends once that returns.
    await Promise.all([...workers].map((worker) => worker.terminate()));
    send({ killedIndexes: true });
  } else {
    try {
      const { slow = false, without } = message;
      const parts = isFence(without) ? partsOf(slow, without) : withoutGuard(without, partsOf(slow, undefined));
      const { url } = await start(message.start, parts);
      send({ url });
    } catch (error) {
      send({ failed: String(error) });
    }
  }
});
