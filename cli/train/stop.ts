/** Aborted by Ctrl-C; a second one ends the process at once. `what` says what is still done. */
export function stopOnInterrupt(what: string): AbortSignal {
  const stop = new AbortController();
  process.once("SIGINT", () => {
    console.error(`\nStopping after this step${what}. Press Ctrl-C again to end at once.`);
    stop.abort();
    process.once("SIGINT", () => process.exit(130));
  });
  return stop.signal;
}
