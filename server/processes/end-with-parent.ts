// The other side of `startChild`: a process that ends when the server has gone, however it went.
import { Worker } from "node:worker_threads";

/** How often a process looks for its parent, in milliseconds. */
const LOOK_MS = 500;

/**
 * Ends this process when its parent has ended. The channel says so at once, but only to an idle process. One that
 * computes in native code hears nothing, so a thread of its own looks whether it has become another's child. (Windows
 * keeps the number of a dead parent: there such a process ends when it is idle again.)
 */
export function endWithParent(): void {
  // Ctrl-C and service managers signal the whole process group, but the server still has requests to finish.
  process.on("SIGINT", () => {});
  process.on("SIGTERM", () => {});
  process.on("disconnect", () => process.exit(0));
  const parent = Number(process.argv[2]);
  const look = `setInterval(() => process.ppid === ${parent} || process.kill(process.pid, "SIGKILL"), ${LOOK_MS})`;
  new Worker(look, { eval: true }).unref();
}
