// A thread that asks /livez again and again between "begin" and "end" and then says how long it waited at most. It is
// a thread of its own, as the tests themselves may keep theirs busy.
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { parentPort, workerData } from "node:worker_threads";
import { schedule } from "./process-tree.ts";

const LOOK_MS = 50;
/** Milliseconds that `/livez` is waited for at all. */
const GIVE_UP_MS = 120_000;

const { url, pid } = workerData as { url: string; pid: number };
/** Seconds that the server's main thread and this one waited for a CPU that others had. */
const waited = () =>
  schedule(readFileSync(`/proc/${pid}/task/${pid}/schedstat`, "latin1")).waited +
  schedule(readFileSync("/proc/thread-self/schedstat", "latin1")).waited;

let isOver = true;

async function ask(): Promise<void> {
  let longest = 0;
  while (!isOver) {
    const began = performance.now();
    const before = waited();
    await (await fetch(`${url}/livez`, { signal: AbortSignal.timeout(GIVE_UP_MS) })).arrayBuffer();
    longest = Math.max(longest, (performance.now() - began) / 1000 - (waited() - before));
    await sleep(LOOK_MS);
  }
  parentPort!.postMessage(longest);
}

parentPort!.on("message", (message: "begin" | "end") => {
  isOver = message === "end";
  if (!isOver) void ask();
});
parentPort!.postMessage("ready");
