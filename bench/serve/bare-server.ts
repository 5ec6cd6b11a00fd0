// The bound of search over HTTP: Express with a thread that holds the graph, and nothing else. Its answers are as long as
// ours.
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { isMainThread, parentPort, workerData } from "node:worker_threads";
import express from "express";
import hnswlib from "hnswlib-node";
import { exitOf, startProcess, startWorker } from "../../core/processes.ts";
import { DIMENSIONS } from "../../support/synthetic.ts";

const THIS_MODULE = new URL(import.meta.url);

/** Starts the bare server with a graph file in a process of its own. */
export async function startBareServer(graphFile: string): Promise<{ url: string; stop(): Promise<void> }> {
  const child = startProcess(THIS_MODULE, { args: [graphFile] });
  const ended = exitOf(child);
  const failed = ended.then(({ code }) => Promise.reject(new Error(`the bare server ended with ${code}`)));
  failed.catch(() => {});
  const [port] = await Promise.race([once(child, "message"), failed]);
  return {
    url: `http://127.0.0.1:${port}`,
    async stop() {
      child.kill();
      await ended;
    },
  };
}

interface Asked {
  readonly call: number;
  readonly vector: number[];
  readonly k: number;
}

function answerCalls(graphFile: string): void {
  const graph = new hnswlib.HierarchicalNSW("ip", DIMENSIONS);
  graph.readIndexSync(graphFile);
  graph.setEf(100);
  parentPort!.on("message", ({ call, vector, k }: Asked) => {
    parentPort!.postMessage({ call, ...graph.searchKnn(vector, k) });
  });
}

async function serve(graphFile: string): Promise<void> {
  const thread = startWorker(THIS_MODULE, { workerData: graphFile });
  const waiting = new Map<number, (found: hnswlib.SearchResult) => void>();
  thread.on("message", ({ call, ...found }: hnswlib.SearchResult & { call: number }) => {
    waiting.get(call)!(found);
    waiting.delete(call);
  });
  let calls = 0;
  const search = (vector: number[], k: number) =>
    new Promise<hnswlib.SearchResult>((resolve) => {
      waiting.set(++calls, resolve);
      thread.postMessage({ call: calls, vector, k } satisfies Asked);
    });

  const app = express();
  app.use(express.json());
  app.post("/v1/search", async (request, response) => {
    const { vector, k } = request.body as { vector: number[]; k: number };
    const { neighbors, distances } = await search(vector, k);
    const matches = neighbors.map((place, i) => ({
      id: `bare-image-${place}`,
      score: 1 - distances[i]!,
      width: 1,
      height: 1,
      metadata: { place },
    }));
    response.json({ generation: 1, matches });
  });
  const server = app.listen(0, "127.0.0.1");
  await once(server, "listening");
  process.send!((server.address() as AddressInfo).port);
}

if (!isMainThread) answerCalls(workerData as string);
else if (process.argv[1] === fileURLToPath(THIS_MODULE)) await serve(process.argv[2]!);
