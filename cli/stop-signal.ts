import { once } from "node:events";

/** Resolves on the first Ctrl-C or SIGTERM; after that a second one ends the process at once. */
export async function stopSignal(): Promise<void> {
  const heard = new AbortController();
  const { signal } = heard;
  await Promise.race([once(process, "SIGINT", { signal }), once(process, "SIGTERM", { signal })]);
  heard.abort();
}
