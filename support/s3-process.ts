// The S3 server for tests in a process of its own: `node s3-process.ts` starts it, says its address, and ends it when
// its parent goes. For what loads this process, and to let the store go silent.
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { exitOf, startProcess } from "../core/processes.ts";
import { S3_KEYS, startS3Server } from "./s3-server.ts";

export interface S3Process {
  /** Address of a bucket that is there. */
  readonly url: string;
  /** From now on it takes connections and says nothing, until it resumes. */
  pause(): void;
  resume(): void;
  close(): Promise<void>;
}

/** Starts the server. Its keys are in the environment of this process from now on. */
export async function startS3Process(): Promise<S3Process> {
  Object.assign(process.env, S3_KEYS);
  const child = startProcess(new URL(import.meta.url));
  const [url] = (await once(child, "message")) as [string];
  return {
    url,
    pause: () => void child.kill("SIGSTOP"),
    resume: () => void child.kill("SIGCONT"),
    async close() {
      const exited = exitOf(child);
      child.kill("SIGCONT");
      child.disconnect();
      await exited;
    },
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const server = await startS3Server();
  process.once("disconnect", async () => {
    await server.close();
    process.exit(0);
  });
  process.send!(server.url);
}
