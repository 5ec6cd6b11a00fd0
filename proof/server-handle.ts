// The proof's hold on the server's process: start, hold at a state, kill, start again.
import { type ChildProcess, execFileSync } from "node:child_process";
import { once } from "node:events";
import { siblingModule } from "../core/paths.ts";
import { exitOf, startProcess } from "../core/processes.ts";
import type { Options } from "../server/index.ts";
import type { Fence } from "./fences.ts";
import type { Guard } from "./guards.ts";
import { inTime, untilTrue } from "./in-time.ts";
import type { FromServer, ToServer } from "./server-process.ts";

/** What a kill takes away: the whole server, all its encoder processes, or all its index threads. */
export type Target = "server" | "encoder" | "index";

export interface ServerHandle {
  /** Base address; another one after each start. */
  readonly url: string;
  /** Resident memory of the server and its encoder processes, MB. */
  rssMb(): number;
  /**
   * Stops the next swap that is run here where it enters `state`; resolves when it has. `deaf`: until the swap goes on,
   * and for 5 seconds at most, the server hears nothing of the others.
   */
  holdAt(state: string, options?: { deaf?: boolean }): Promise<void>;
  /** Lets a held swap go on, or (`fails`) fail, and holds none. */
  go(options?: { fails?: boolean }): void;
  /** kill -9; resolves when the server is ready again. A killed server is started again. */
  kill(target: Target): Promise<void>;
  close(): Promise<void>;
}

/** How the process of a server is started. */
export interface HandleOptions {
  /** The server goes without this guard. */
  readonly without?: Guard | Fence | undefined;
  /** Pauses that give races time. @default false */
  readonly slow?: boolean;
  /** The program that runs it. @default this process's own */
  readonly node?: string | undefined;
}

/** Starts the server under proof. */
export async function startServer(
  options: Options,
  { without, slow = false, node = process.execPath }: HandleOptions = {},
): Promise<ServerHandle> {
  let child: ChildProcess;
  let url = "";
  const say = (message: ToServer) => child.send(message);

  const open = async () => {
    child = startProcess(siblingModule(import.meta.url, "server-process"), {
      stdio: ["ignore", "inherit", "inherit", "ipc"],
      execPath: node,
    });
    say({ start: options, slow, ...(without ? { without } : {}) });
    const ended = exitOf(child).then(({ code, signal }) => {
      throw new Error(`The server ended by itself while it started: ${signal ?? code}`);
    });
    const said = inTime("a server starts", Promise.race([once(child, "message"), ended]));
    const [answer] = (await said) as [FromServer];
    if (!("url" in answer)) throw new Error(`The server did not start: ${JSON.stringify(answer)}`);
    url = answer.url;
  };

  /** Resolves when the server says this. */
  const heard = (what: "held" | "killedIndexes") => {
    const current = child;
    return new Promise<void>((resolve) => {
      const listen = (message: FromServer) => {
        if (!(what in message)) return;
        current.off("message", listen);
        resolve();
      };
      current.on("message", listen);
    });
  };

  const processes = () =>
    execFileSync("ps", ["-A", "-o", "pid=,ppid=,rss=,args="], { encoding: "utf8" })
      .trim()
      .split("\n")
      .map((line) => ({ args: line, numbers: line.trim().split(/\s+/, 3).map(Number) }))
      .map(({ args, numbers: [pid, parent, rss] }) => ({ args, pid: pid!, parent: parent!, rss: rss! }))
      .filter(
        ({ args, pid, parent }) => pid === child.pid || (parent === child.pid && args.includes("encoder/process")),
      );

  const killEncoders = () => {
    for (const { pid } of processes()) {
      if (pid === child.pid) continue;
      try {
        process.kill(pid, "SIGKILL");
      } catch {
        // It has ended by itself meanwhile.
      }
    }
  };

  const ready = async () => {
    let calm = 0;
    await untilTrue("a server is ready again", async () => {
      if (child.exitCode !== null || child.signalCode !== null) throw new Error("The server ended by itself.");
      const answer = await fetch(`${url}/readyz`).catch(() => undefined);
      calm = answer?.ok ? calm + 1 : 0;
      return calm === 3;
    });
  };

  await open();
  return {
    get url() {
      return url;
    },
    rssMb: () => processes().reduce((sum, { rss }) => sum + rss, 0) / 1024,
    async holdAt(state, { deaf = false } = {}) {
      const held = heard("held");
      say({ hold: state, deaf });
      await held;
    },
    go: ({ fails = false } = {}) => void say({ go: true, fails }),
    async kill(target) {
      if (target === "index") {
        const killed = heard("killedIndexes");
        say({ killIndexes: true });
        await inTime("index threads are gone", killed);
      } else if (target === "encoder") killEncoders();
      else {
        const exited = exitOf(child);
        child.kill("SIGKILL");
        await inTime("a killed server is gone", exited);
        await open();
      }
      await ready();
    },
    async close() {
      if (!child.connected) return; // it has ended by itself, which the findings say
      const exited = exitOf(child);
      child.disconnect();
      await inTime("a server closes", exited);
    },
  };
}
