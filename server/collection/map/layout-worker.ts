// A thread that lays out one map and ends: that takes seconds, and the server's own thread must go on answering.
import { parentPort, workerData } from "node:worker_threads";
import { layOut } from "./layout.ts";

/** What the thread is started with; see `layOut`. */
export interface LayoutWorkerData {
  readonly vectors: Float32Array;
  readonly dimensions: number;
}

const { vectors, dimensions } = workerData as LayoutWorkerData;
parentPort!.postMessage(layOut(vectors, dimensions));
