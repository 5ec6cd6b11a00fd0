// Search by vector: over HTTP, by our index, and by the bare hnswlib-node loop, over the same graph.
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import hnswlib from "hnswlib-node";
import { createExactIndex } from "../../server/storage/hnsw/exact.ts";
import { createHnswIndex } from "../../server/storage/hnsw/hnsw.ts";
import { residentMb } from "../../support/processes.ts";
import { startServerProcess } from "../../support/server-process.ts";
import { DIMENSIONS, syntheticEmbeddings, writeSyntheticData } from "../../support/synthetic.ts";
import { middle, spread } from "../sides.ts";
import { startBareServer } from "./bare-server.ts";
import { type Fired, fire, type Shot } from "./load.ts";

/** Matches asked for. */
const K = 10;
/** Queries of the comparison with exact search, and of one round of each loop. */
const QUERIES = 200;
/** Rounds, in turn; the median counts. */
const ROUNDS = 9;
/** Processes of each server, in turn: one is up to a tenth faster than another that is the same. */
const TURNS = 7;
/** Seconds until a new process has compiled what it runs often. */
const WARM_UP = 2;

export interface SearchReport {
  readonly images: number;
  /** Over HTTP against exact search, 0..1. */
  readonly recallAt10: number;
  readonly http: Fired;
  /** Of Express with nothing but an index thread, in turn with ours. */
  readonly bareHttp: Fired;
  /** What part of its rate ours is, turn by turn: the median; the least and the most. */
  readonly share: number;
  readonly shares: readonly [number, number];
  /** Searches a second of the bare loop, of our index in the same process, and what part of it ours is. */
  readonly bare: number;
  readonly index: number;
  readonly indexToBare: number;
  /** Seconds from the start of the process until it can search: without a snapshot and with one. */
  readonly startBuilding: number;
  readonly startFromSnapshot: number;
  /** Resident memory of the server after its start, MB; its encoder is another process. */
  readonly memoryMb: number;
}

/** Measures a collection of `images` synthetic embeddings in an empty folder. */
export async function measureSearch(
  folder: string,
  images: number,
  load: { connections: number; seconds: number },
): Promise<SearchReport> {
  await writeSyntheticData(folder, images);
  const vectors = [...syntheticEmbeddings(images, 1)];
  const queries = [...syntheticEmbeddings(QUERIES, 2)];

  const start = () => startServerProcess(folder, ["--threads", "1"]);
  const timedStart = async () => {
    const began = performance.now();
    const server = await start();
    return { server, seconds: (performance.now() - began) / 1000 };
  };
  const first = await timedStart();
  await first.server.stop();
  const { server, seconds: startFromSnapshot } = await timedStart();
  const bodies = queries.map((query) => JSON.stringify({ vector: Array.from(query), k: K }));
  const shots = bodies.map((body) => ({ path: "/v1/search", type: "application/json", body }));
  const memoryMb = residentMb(server.child.pid!);
  const recallAt10 = await recallOverHttp(server.url, bodies, queries, vectors).finally(() => server.stop());
  const snapshot = await snapshotIn(join(folder, "data", "index"));
  const turns: Array<{ http: Fired; bareHttp: Fired }> = [];
  for (let turn = 0; turn < TURNS; turn++) {
    const http = await fireAt(await start(), shots, load);
    turns.push({ http, bareHttp: await fireAt(await startBareServer(snapshot), shots, load) });
  }
  const ratios = turns.map(({ http, bareHttp }) => http.requestsPerSecond / bareHttp.requestsPerSecond);
  const { bare, index } = await loops(snapshot, vectors, queries);
  return {
    images,
    recallAt10,
    http: middleOf(turns.map(({ http }) => http)),
    bareHttp: middleOf(turns.map(({ bareHttp }) => bareHttp)),
    share: middle(ratios, 2),
    shares: spread(ratios, 2),
    bare,
    index,
    indexToBare: index / bare,
    startBuilding: first.seconds,
    startFromSnapshot,
    memoryMb,
  };
}

/** Fires at a server that has just been started, once it is at its pace, and stops it. */
async function fireAt(
  { url, stop }: { readonly url: string; stop(): Promise<unknown> },
  shots: readonly Shot[],
  load: { connections: number; seconds: number },
): Promise<Fired> {
  try {
    await fire(url, shots, { ...load, seconds: WARM_UP });
    return await fire(url, shots, load);
  } finally {
    await stop();
  }
}

/** The turn of median rate. */
const middleOf = (turns: readonly Fired[]): Fired =>
  turns.toSorted((a, b) => a.requestsPerSecond - b.requestsPerSecond)[turns.length >> 1]!;

async function snapshotIn(folder: string): Promise<string> {
  return join(folder, (await readdir(folder)).find((name) => name.endsWith(".hnsw"))!);
}

/** Recall@10 of searches over HTTP against exact search among `vectors`, 0..1. */
export async function recallOverHttp(
  url: string,
  bodies: readonly string[],
  queries: readonly Float32Array[],
  vectors: readonly Float32Array[],
): Promise<number> {
  const exact = createExactIndex(DIMENSIONS);
  for (const [i, vector] of vectors.entries()) exact.add(i, vector);
  let found = 0;
  for (const [i, body] of bodies.entries()) {
    const headers = { "Content-Type": "application/json" };
    const response = await fetch(`${url}/v1/search`, { method: "POST", headers, body });
    const { matches } = (await response.json()) as { matches: Array<{ metadata: { place: number } }> };
    const wanted = new Set(exact.search(queries[i]!, K).map(({ key }) => key));
    found += matches.filter(({ metadata }) => wanted.has(metadata.place)).length;
  }
  return found / (bodies.length * K);
}

/** The graph that the server has built, searched in this thread. */
async function loops(
  snapshot: string,
  vectors: readonly Float32Array[],
  queries: readonly Float32Array[],
): Promise<{ bare: number; index: number }> {
  const graph = new hnswlib.HierarchicalNSW("ip", DIMENSIONS);
  graph.readIndexSync(snapshot);
  graph.setEf(100);
  const ours = createHnswIndex(DIMENSIONS, { efSearch: 100 }, snapshot);
  for (const [i, vector] of vectors.entries()) ours.add(i, vector);
  const plain = queries.map((query) => Array.from(query));
  const rate = (search: () => void) => {
    const began = performance.now();
    search();
    return (1000 * QUERIES) / (performance.now() - began);
  };
  const bare: number[] = [];
  const index: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    bare.push(rate(() => plain.forEach((query) => void graph.searchKnn(query, K))));
    index.push(rate(() => queries.forEach((query) => void ours.search(query, K))));
  }
  return { bare: middle(bare, 0), index: middle(index, 0) };
}
