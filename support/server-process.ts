// The real command `moco-search serve` in a process of its own.
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { startCli } from "./run-cli.ts";

export interface ServerProcess {
  readonly child: ChildProcess;
  readonly url: string;
  /** Ends the process by a signal; resolves with its exit code once it has ended. */
  stop(signal?: "SIGTERM" | "SIGKILL"): Promise<number | null>;
}

/**
 * Starts the server on a free port, with data and models in `folder`; resolves when it is ready. `env` adds variables.
 */
export async function startServerProcess(
  folder: string,
  flags: readonly string[] = [],
  env: NodeJS.ProcessEnv = {},
): Promise<ServerProcess> {
  const folders = ["--data", join(folder, "data"), "--models", join(folder, "models")];
  const child = startCli(["serve", "--json", "--port", "0", ...folders, ...flags], {
    stdio: ["ignore", "pipe", "inherit"],
    env: { ...process.env, ...env },
  });
  const exited = once(child, "exit");
  const ended = exited.then(([code]) => {
    throw new Error(`the server ended with ${code} before it was ready`);
  });
  ended.catch(() => {});
  const [line] = await Promise.race([once(createInterface(child.stdout!), "line"), ended]);
  return {
    child,
    url: JSON.parse(String(line)).url,
    async stop(signal = "SIGTERM") {
      child.kill(signal);
      const [code] = await exited;
      return code;
    },
  };
}
