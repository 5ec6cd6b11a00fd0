// Loaded with `node --import` into a command that the server runs: it stops as by Ctrl-C when it is told to, and when
// the server has gone, however it went. `end-with-parent.ts` is for processes that have nothing to save.
import { isMainThread, Worker } from "node:worker_threads";

/** How often it looks for its parent, and how long it may take to stop without one, in milliseconds. */
const LOOK_MS = 500;
const GRACE_MS = 30_000;

// Threads of the command load this module too.
if (isMainThread) {
  let isStopping = false;
  const stop = () => {
    if (isStopping) return; // a second Ctrl-C would end the command at once
    isStopping = true;
    if (!process.emit("SIGINT", "SIGINT")) process.exit(130); // it has nothing to save yet
  };
  process.on("message", stop);
  process.on("disconnect", stop);
  process.on("SIGTERM", stop); // from service managers, which signal every process
  process.stderr.on("error", () => {}); // nobody reads it when the server has gone
  process.channel?.unref(); // listening must not keep a command alive that is done

  const look = `
    let left;
    setInterval(() => {
      if (process.ppid !== ${process.ppid}) left ??= Date.now();
      if (Date.now() - left > ${GRACE_MS}) process.kill(process.pid, "SIGKILL");
    }, ${LOOK_MS});`;
  new Worker(look, { eval: true, execArgv: [] }).unref();
}
