// Starting our own modules in another thread or process, from TypeScript sources under tsx and from dist/ alike.
import { type ChildProcess, type ForkOptions, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { Worker, type WorkerOptions } from "node:worker_threads";

/** Starts `module` (see `siblingModule`) as a worker thread. */
export function startWorker(module: URL, options: WorkerOptions = {}): Worker {
  if (!module.pathname.endsWith(".ts")) return new Worker(module, options);
  // A worker does not inherit tsx's loader, so it registers the loader first.
  const loader = JSON.stringify(import.meta.resolve("tsx/esm/api"));
  const code = `import { register } from ${loader}; register(); await import(${JSON.stringify(module.href)});`;
  return new Worker(new URL(`data:text/javascript,${encodeURIComponent(code)}`), options);
}

/** Starts `module` as a child process with a message channel that carries typed arrays. */
export function startProcess(module: URL, options: ForkOptions = {}): ChildProcess {
  const execArgv = module.pathname.endsWith(".ts") ? ["--import", import.meta.resolve("tsx")] : [];
  return fork(fileURLToPath(module), { serialization: "advanced", execArgv, ...options });
}
