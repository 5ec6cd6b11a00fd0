// The process of a training: this package's own command line, `moco-search train`.
import type { ChildProcess } from "node:child_process";
import { constants, setPriority } from "node:os";
import { resolve } from "node:path";
import { siblingModule } from "../../core/paths.ts";
import { exitOf, loaderFlags, SMALL_YOUNG_HEAP, startProcess } from "../../core/processes.ts";
import type { TrainingRecord } from "./record.ts";

/** How a training's process ended. `words` is the end of what it said on stderr. */
export interface TrainingExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly words: string;
}

/** Options of {@link runTraining}. */
export interface TrainingProcessOptions {
  /** Folder for decoded images. */
  readonly cacheFolder: string;
  /** Stops it: it writes a checkpoint and ends. */
  readonly signal: AbortSignal;
}

/** Milliseconds after which one that was stopped is killed. Its last checkpoint stays. */
const STOP_MS = 20_000;
/** Characters of stderr that are kept. */
const KEPT = 8192;

/** What follows `moco-search train`. On the CPU: a GPU has no low priority beside the encoder that answers. */
export function argumentsOf(
  { name, minutes, threads, begunFrom }: TrainingRecord,
  { images, run, models, isResumed }: { images: string; run: string; models: string; isResumed: boolean },
): string[] {
  const begin = begunFrom === undefined ? [] : ["--init", begunFrom];
  return [
    ...[images, "--run", run, "--models", resolve(models), "--name", name],
    ...["--minutes", String(minutes), "--threads", String(threads), "--device", "cpu"],
    "--no-tune", // beside a server that works, timings mean nothing
    ...(isResumed ? ["--resume"] : begin),
  ];
}

/** Runs `moco-search train` with arguments, at low priority, and resolves when it has ended. */
export async function runTraining(
  args: readonly string[],
  { cacheFolder, signal }: TrainingProcessOptions,
): Promise<TrainingExit> {
  const main = siblingModule(import.meta.url, "../../cli/main");
  const stopWithParent = siblingModule(import.meta.url, "../processes/stop-with-parent");
  const child = startProcess(main, {
    args: ["train", ...args],
    execArgv: [SMALL_YOUNG_HEAP, ...loaderFlags(main), "--import", stopWithParent.href],
    stdio: ["ignore", "ignore", "pipe", "ipc"],
    detached: true, // Ctrl-C in the server's terminal is not for it: the server stops it
    env: { ...process.env, XDG_CACHE_HOME: cacheFolder },
  });
  // Before it starts threads, which inherit its priority.
  if (child.pid) setPriority(child.pid, constants.priority.PRIORITY_LOW);
  let words = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    words = (words + text).slice(-KEPT);
  });
  let killing: NodeJS.Timeout | undefined;
  const stop = () => {
    child.send("stop", () => {}); // it may have ended
    killing = setTimeout(() => child.kill("SIGKILL"), STOP_MS);
  };
  signal.addEventListener("abort", stop, { once: true });
  if (signal.aborted) stop();
  try {
    return { ...(await endOf(child)), words };
  } finally {
    clearTimeout(killing);
    signal.removeEventListener("abort", stop);
  }
}

/** Resolves when the process has ended and all of its output is read; rejects where it cannot be started. */
async function endOf(child: ChildProcess) {
  const failed = new Promise<never>((_resolve, reject) =>
    child.on("error", (error) => child.pid === undefined && reject(error)),
  );
  const closed = new Promise<void>((resolve) => child.stderr!.once("close", () => resolve()));
  const exit = await Promise.race([exitOf(child), failed]);
  await closed;
  return exit;
}

/** What went wrong, in the words of the command, or its last ones where it was cut off. */
export function describeExit({ code, signal, words }: TrainingExit): string {
  const own = words.lastIndexOf("moco-search: ");
  if (own >= 0) return words.slice(own + "moco-search: ".length).trim();
  const how = signal ? `was ended by ${signal}` : `ended with the exit code ${code}`;
  const last = words.trim().split("\n").slice(-5).join("\n");
  return `Its process ${how}.${last && ` The last that it said:\n${last}`}`;
}
