import { spawn } from "node:child_process";
import { once } from "node:events";
import { createRequire } from "node:module";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { pathToFileURL } from "node:url";
import { packageRoot } from "../core/paths.ts";

/** Runs `moco-search` with arguments to its end. */
export async function runCli(
  args: readonly string[],
  { cwd = packageRoot(), signal }: { cwd?: string; signal?: AbortSignal } = {},
): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const tsx = pathToFileURL(createRequire(import.meta.url).resolve("tsx")).href;
  const child = spawn(process.execPath, ["--import", tsx, join(packageRoot(), "cli", "main.ts"), ...args], {
    cwd,
    env: { ...process.env, MOCO_SEARCH_KEY: "" },
  });
  signal?.addEventListener("abort", () => child.kill("SIGINT"));
  const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, "exit")]);
  return { code, stdout, stderr };
}
