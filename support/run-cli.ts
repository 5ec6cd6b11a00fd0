// The command `moco-search`, in a process of its own or in this one.
import { type ChildProcess, type SpawnOptions, spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { packageRoot, siblingModule } from "../core/paths.ts";
import { loaderFlags } from "../core/processes.ts";

/**
 * `moco-search` with arguments, as a program and what it is given: the TypeScript source under tsx, or the compiled
 * one.
 */
export function cliCommand(args: readonly string[]): [string, ...string[]] {
  const main = siblingModule(import.meta.url, "../cli/main");
  return [process.execPath, ...loaderFlags(main), fileURLToPath(main), ...args];
}

/** Starts `moco-search` with arguments. */
export function startCli(args: readonly string[], options: SpawnOptions = {}): ChildProcess {
  const [program, ...all] = cliCommand(args);
  return spawn(program, all, options);
}

/** How a command ended. */
export interface EndedCli {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Runs `moco-search` with arguments to its end.
 *
 * @param options.env More environment variables.
 * @param options.timeout Milliseconds after which it is ended by SIGTERM.
 */
export async function runCli(
  args: readonly string[],
  { cwd = packageRoot(), env = {}, timeout }: { cwd?: string; env?: NodeJS.ProcessEnv; timeout?: number } = {},
): Promise<EndedCli> {
  const child = startCli(args, { cwd, timeout, env: { ...process.env, MOCO_SEARCH_KEY: "", ...env } });
  const [stdout, stderr, [code]] = await Promise.all([text(child.stdout!), text(child.stderr!), once(child, "exit")]);
  return { code, stdout, stderr };
}

/**
 * Runs `moco-search` with arguments to its end in this process, which spares the half second of a new one; one at a
 * time.
 */
export async function runCliHere(args: readonly string[]): Promise<EndedCli> {
  const { runProgram } = await import("../cli/program.ts"); // with its commands, which it loads in this way too
  const { stdout, stderr } = process;
  const before = { key: process.env.MOCO_SEARCH_KEY, out: stdout.write, err: stderr.write };
  const written = { stdout: "", stderr: "" };
  const keep = (stream: keyof typeof written) =>
    ((chunk: string | Uint8Array) => {
      written[stream] += typeof chunk === "string" ? chunk : Buffer.from(chunk).toString();
      return true;
    }) as typeof stdout.write;
  process.env.MOCO_SEARCH_KEY = "";
  stdout.write = keep("stdout");
  stderr.write = keep("stderr");
  try {
    await runProgram(args);
    return { code: Number(process.exitCode ?? 0), ...written };
  } finally {
    process.exitCode = undefined;
    Object.assign(stdout, { write: before.out });
    Object.assign(stderr, { write: before.err });
    if (before.key === undefined) delete process.env.MOCO_SEARCH_KEY;
    else process.env.MOCO_SEARCH_KEY = before.key;
  }
}
