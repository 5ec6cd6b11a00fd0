// The demo's server.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { AppError } from "../../core/errors.ts";

/** A running server. */
export interface Server {
  readonly url: string;
  stop(): Promise<void>;
}

/** Starts a server in a process of its own, since training keeps this one busy. */
export async function startServer(data: string, models: string): Promise<Server> {
  const flags = ["serve", "--json", "--log-level", "error", "--port", "0", "--data", data, "--models", models];
  const child = spawn(process.execPath, [...process.execArgv, process.argv[1]!, ...flags], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  process.once("exit", () => child.kill("SIGTERM")); // however the demo ends, no server is left
  process.once("SIGTERM", () => process.exit(143));
  const ready = once(createInterface(child.stdout), "line");
  const ended = once(child, "exit").then(() => {
    throw new AppError("not_ready", "The server of the demo ended before it was ready; it says why above.");
  });
  ended.catch(() => {});
  const [line] = await Promise.race([ready, ended]);
  const { url } = JSON.parse(String(line)) as { url: string };
  return { url, stop: () => stopProcess(child) };
}

async function stopProcess(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, "exit");
  child.kill("SIGTERM");
  await exited;
}
