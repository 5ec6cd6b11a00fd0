// What a process and those that it has started take, from Linux's /proc.
import { readFileSync } from "node:fs";
import { memoryOf } from "../server/processes/child.ts";

/** The process and all that descend from it. */
export function processTree(pid: number): number[] {
  return [pid, ...childrenOf(pid).flatMap(processTree)];
}

function childrenOf(pid: number): number[] {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, "latin1").trim().split(" ").filter(Boolean).map(Number);
  } catch {
    return []; // ended meanwhile
  }
}

/** Bytes of memory of the process and all that descend from it. What they share is counted for each. */
export function memoryOfTree(pid: number): number {
  return processTree(pid).reduce((sum, one) => sum + (memoryOf(one) ?? 0), 0);
}

/** Seconds that the main thread of a process has computed, and waited for a CPU that others had, since its start. */
export function mainThread(pid: number): { computed: number; waited: number } {
  return schedule(readFileSync(`/proc/${pid}/task/${pid}/schedstat`, "latin1"));
}

/** What a `schedstat` says, in seconds. */
export function schedule(schedstat: string): { computed: number; waited: number } {
  const [computed, waited] = schedstat.split(" ").map(Number);
  return { computed: computed! / 1e9, waited: waited! / 1e9 };
}
