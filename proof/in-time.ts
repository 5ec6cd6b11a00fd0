// A proof waits for nothing without end: what does not come in time is said.
import { setTimeout as sleep } from "node:timers/promises";

/** Nothing that a server does by itself takes longer, on a machine that has much else to do. Milliseconds. */
export const RECOVERY_MS = 300_000;

const LOOK_MS = 100;

/** @throws Error that names `what` where the promise has not settled within `ms`. */
export async function inTime<T>(what: string, promise: Promise<T>, ms = RECOVERY_MS): Promise<T> {
  const settled = new AbortController();
  const late = sleep(ms, undefined, { signal: settled.signal }).then(() => {
    throw new Error(`Waited ${ms / 1000} s in vain: ${what}.`);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    settled.abort();
  }
}

/** Looks again and again until `isSo`; errors as {@link inTime}. */
export async function untilTrue(what: string, isSo: () => Promise<boolean>, ms = RECOVERY_MS): Promise<void> {
  for (const deadline = performance.now() + ms; !(await isSo()); await sleep(LOOK_MS)) {
    if (performance.now() > deadline) throw new Error(`Waited ${ms / 1000} s in vain: ${what}.`);
  }
}
