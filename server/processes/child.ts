// A child process of the server that is ended for a reason: it takes too long, too much memory, or is not wanted any
// more.
import { readFileSync } from "node:fs";
import { constants, setPriority } from "node:os";
import { exitOf, startProcess } from "../../core/processes.ts";

/** A child process and how it ends. */
export interface Child<ToChild> {
  readonly pid: number | undefined;
  /** Sends a message; `onLost` is called where the process has gone and its end was not noticed yet. */
  send(message: ToChild, onLost?: () => void): void;
  /** Ends the process at once, whatever it does. The first reason is the one that counts. */
  kill(reason: unknown): void;
  /** How it ended; `reason` is that of `kill`, where it was. */
  readonly ended: Promise<{ reason?: unknown; code: number | null; signal: NodeJS.Signals | null }>;
}

/** Options of {@link startChild}. */
export interface ChildOptions<FromChild> {
  readonly onMessage: (message: FromChild) => void;
  /** Bytes of memory from which it is killed. Only Linux tells how many it takes; elsewhere there is no bound. */
  readonly maxMemory: number;
  /** The reason then. */
  readonly tooMuchMemory: unknown;
  /** What it reads from its standard input: large bytes, for which a message would take long. @default nothing */
  readonly input?: Uint8Array | undefined;
  /** Gives way to all other work of the machine. @default false */
  readonly background?: boolean | undefined;
}

/** How often the memory of a process is read. */
const MEMORY_MS = 50;

/** Starts `module`, which must call `endWithParent` first. */
export function startChild<ToChild extends object, FromChild>(
  module: URL,
  { onMessage, maxMemory, tooMuchMemory, input, background = false }: ChildOptions<FromChild>,
): Child<ToChild> {
  const child = startProcess(module, {
    args: [String(process.pid)],
    // What a library prints is not what the server says: its stdout becomes our stderr.
    stdio: [input ? "pipe" : "inherit", 2, "inherit", "ipc"],
  });
  child.stdin?.on("error", () => {}); // it ended before it had read all
  child.stdin?.end(input);
  // Before the process starts threads, which inherit its priority. It can be lowered, but not raised again without
  // privileges, which is why a background encoder never becomes the one that serves.
  if (background && child.pid) setPriority(child.pid, constants.priority.PRIORITY_BELOW_NORMAL);
  let reason: unknown;
  const kill: Child<ToChild>["kill"] = (why) => {
    reason ??= why;
    child.kill("SIGKILL");
  };
  const guard = setInterval(() => {
    const memory = child.pid && memoryOf(child.pid);
    if (memory && memory > maxMemory) kill(tooMuchMemory);
  }, MEMORY_MS);
  const failed = new Promise<{ reason: unknown; code: null; signal: null }>((resolve) =>
    child.once("error", (error) => {
      if (child.pid === undefined) resolve({ reason: error, code: null, signal: null });
    }),
  );
  child.on("message", onMessage);
  return {
    pid: child.pid,
    send: (message, onLost = () => {}) => void child.send(message, (error) => error && onLost()),
    kill,
    ended: Promise.race([failed, exitOf(child).then((exit) => ({ reason, ...exit }))]).finally(() =>
      clearInterval(guard),
    ),
  };
}

/** Bytes of memory that a process takes now, where Linux tells it. */
export function memoryOf(pid: number): number | undefined {
  try {
    const [, kilobytes] = /^VmRSS:\s*(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "latin1")) ?? [];
    return kilobytes === undefined ? undefined : Number(kilobytes) * 1024;
  } catch {
    return undefined; // ended, or no Linux
  }
}
