// Starts modules of this package in a thread or process of their own, from TypeScript sources (under tsx) or from
// dist/.
import { type ChildProcess, type ForkOptions, fork } from "node:child_process";
import { createRequire } from "node:module";
import { fileURLToPath, pathToFileURL } from "node:url";
import { Worker, type WorkerOptions } from "node:worker_threads";

/** Starts `module` (see `siblingModule`) as a worker thread. */
export function startWorker(module: URL, options: WorkerOptions = {}): Worker {
  if (!module.pathname.endsWith(".ts")) return new Worker(module, options);
  // A worker, unlike a process, cannot get its loader by `--import`: it registers tsx itself.
  const api = new URL("esm/api/index.mjs", tsxLoader()).href;
  const code = `import { register } from ${JSON.stringify(api)}; register(); await import(${JSON.stringify(module.href)});`;
  return new Worker(new URL(`data:text/javascript,${encodeURIComponent(code)}`), options);
}

/** Starts `module` as a child process with a message channel that carries typed arrays; `args` are its arguments. */
export function startProcess(
  module: URL,
  { args = [], ...options }: ForkOptions & { args?: readonly string[] } = {},
): ChildProcess {
  return fork(fileURLToPath(module), args, { serialization: "advanced", execArgv: loaderFlags(module), ...options });
}

/** Flags of `node` that `module` needs: `--import` of tsx for TypeScript, none for JavaScript. */
export function loaderFlags(module: URL): string[] {
  return module.pathname.endsWith(".ts") ? ["--import", tsxLoader()] : [];
}

/**
 * Flag of `node` for a process that trains: it takes 24 MB less, at the same rate (docs/performance.md). V8 reads it
 * when it starts, so the command has it in its first line.
 */
export const SMALL_YOUNG_HEAP = "--max-semi-space-size=8";

/** Resolves when a process ends. Unlike `events.once` it does not reject if a message could not be sent to it. */
export function exitOf(process: ChildProcess): Promise<{ code: number | null; signal: NodeJS.Signals | null }> {
  return new Promise((resolve) => process.once("exit", (code, signal) => resolve({ code, signal })));
}

function tsxLoader(): string {
  return pathToFileURL(createRequire(import.meta.url).resolve("tsx")).href;
}
