// Watches a server under attack: how long /livez waits, and what all its processes take.
import { setTimeout as sleep } from "node:timers/promises";
import { mainThread, memoryOfTree } from "./process-tree.ts";
import type { ServerProcess } from "./server-process.ts";

/** What an attack cost. */
export interface Cost {
  /**
   * The longest that `/livez` waited, in seconds, less the time in which the server's main thread could have gone on
   * but other work had the CPUs: a busy machine makes every server wait.
   */
  readonly livezSeconds: number;
  /** The most memory that all processes took together, in bytes. */
  readonly memory: number;
  /** CPU seconds of the server's main thread. */
  readonly mainThreadSeconds: number;
}

const LOOK_MS = 50;
/** Milliseconds that `/livez` is waited for at all. */
const GIVE_UP_MS = 120_000;

/** Runs an attack on a server and returns what it cost. */
export async function costOf({ url, child }: ServerProcess, attack: () => Promise<unknown>): Promise<Cost> {
  const pid = child.pid!;
  const before = mainThread(pid);
  let livezSeconds = 0;
  let memory = 0;
  let isOver = false;
  const askLivez = async () => {
    while (!isOver) {
      const began = performance.now();
      const { waited } = mainThread(pid);
      await (await fetch(`${url}/livez`, { signal: AbortSignal.timeout(GIVE_UP_MS) })).arrayBuffer();
      const seconds = (performance.now() - began) / 1000 - (mainThread(pid).waited - waited);
      livezSeconds = Math.max(livezSeconds, seconds);
      await sleep(LOOK_MS);
    }
  };
  const lookAtMemory = async () => {
    while (!isOver) {
      memory = Math.max(memory, memoryOfTree(pid));
      await sleep(LOOK_MS);
    }
  };
  const watching = Promise.all([askLivez(), lookAtMemory()]);
  try {
    await attack();
    await sleep(4 * LOOK_MS);
  } finally {
    isOver = true;
  }
  await watching;
  return { livezSeconds, memory, mainThreadSeconds: mainThread(pid).computed - before.computed };
}
