// Watches a server under attack: how long /livez waits, and what all its processes take.
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { siblingModule } from "../core/paths.ts";
import { startWorker } from "../core/processes.ts";
import { mainThread, memoryOfTree } from "./process-tree.ts";
import type { ServerProcess } from "./server-process.ts";

/** What an attack cost. */
export interface Cost {
  /**
   * The longest that `/livez` waited, in seconds, less the time in which the server's main thread, or the one that
   * asked, could have gone on but other work had the CPUs: a busy machine makes every server wait.
   */
  readonly livezSeconds: number;
  /** The most memory that all processes took together, in bytes. */
  readonly memory: number;
  /** CPU seconds of the server's main thread. */
  readonly mainThreadSeconds: number;
}

export interface ServerWatch {
  /** Runs an attack on the server and returns what it cost. One at a time. */
  costOf(attack: () => Promise<unknown>): Promise<Cost>;
  close(): Promise<unknown>;
}

const LOOK_MS = 50;

/** Begins to watch a server. */
export async function watchServer({ url, child }: ServerProcess): Promise<ServerWatch> {
  const pid = child.pid!;
  const probe = startWorker(siblingModule(import.meta.url, "livez-probe"), { workerData: { url, pid } });
  await once(probe, "message");
  return {
    async costOf(attack) {
      const before = mainThread(pid);
      let memory = 0;
      let isOver = false;
      const lookAtMemory = async () => {
        while (!isOver) {
          memory = Math.max(memory, memoryOfTree(pid));
          await sleep(LOOK_MS);
        }
      };
      probe.postMessage("begin");
      const looking = lookAtMemory();
      const answer = once(probe, "message");
      answer.catch(() => {}); // told below
      try {
        await attack();
        await sleep(4 * LOOK_MS);
      } finally {
        isOver = true;
        probe.postMessage("end");
      }
      const [[livezSeconds]] = await Promise.all([answer, looking]);
      return { livezSeconds, memory, mainThreadSeconds: mainThread(pid).computed - before.computed };
    },
    close: () => probe.terminate(),
  };
}
