// The thread that an index lives in: lists of calls come in, lists of replies with the same ids go out.
import { parentPort, workerData } from "node:worker_threads";
import type { IndexReport } from "../ports.ts";
import { createHnswIndex } from "./hnsw.ts";
import type { IndexSize, Match } from "./key-index.ts";

/** What the thread is asked. `vectors` is [keys, D], row by row. */
export type IndexRequest =
  | { readonly op: "add"; readonly keys: readonly number[]; readonly vectors: Float32Array }
  | { readonly op: "remove"; readonly keys: readonly number[] }
  | { readonly op: "search"; readonly query: Float32Array; readonly k: number }
  | { readonly op: "search-among"; readonly query: Float32Array; readonly keys: Float64Array; readonly k: number }
  | { readonly op: "inspect"; readonly sample: number }
  | { readonly op: "write" | "restore"; readonly path: string };

/** Found keys, best first, with their scores. Plain arrays: short ones cross threads in less time than typed ones. */
export interface FoundKeys {
  readonly keys: readonly number[];
  /** Rounded to float32. */
  readonly scores: readonly number[];
}

export type IndexAnswer = IndexSize | FoundKeys | IndexReport;

/** One call and its id. */
export interface IndexCall {
  readonly id: number;
  readonly request: IndexRequest;
}

/** The id of a call and its answer, or why there is none. */
export type IndexReply =
  | { readonly id: number; readonly answer: IndexAnswer }
  | { readonly id: number; readonly error: string };

/** What the thread is started with. */
export interface IndexWorkerData {
  readonly dimensions: number;
}

const { dimensions } = workerData as IndexWorkerData;
let index = createHnswIndex(dimensions);

function answer(request: IndexRequest): IndexAnswer {
  switch (request.op) {
    case "add":
      for (const [i, key] of request.keys.entries()) {
        index.add(key, request.vectors.subarray(i * dimensions, (i + 1) * dimensions));
      }
      return index.size();
    case "remove":
      for (const key of request.keys) index.remove(key);
      return index.size();
    case "search":
      return pack(index.search(request.query, request.k));
    case "search-among":
      return pack(index.searchAmong(request.query, request.keys, request.k));
    case "inspect":
      return index.inspect(request.sample);
    case "write":
      index.write(request.path);
      return index.size();
    case "restore":
      index = createHnswIndex(dimensions, {}, request.path);
      return index.size();
  }
}

function pack(matches: readonly Match[]): FoundKeys {
  return {
    keys: matches.map(({ key }) => key),
    scores: matches.map(({ score }) => Math.fround(score)),
  };
}

function reply({ id, request }: IndexCall): IndexReply {
  try {
    return { id, answer: answer(request) };
  } catch (error) {
    return { id, error: error instanceof Error ? error.message : String(error) };
  }
}

// Each message is answered with one: see `MOST_TOGETHER`.
parentPort!.on("message", (calls: readonly IndexCall[]) => parentPort!.postMessage(calls.map(reply)));
