// A thread that lays out one map: that takes seconds, and the server's own thread must go on answering. It gets the
// landmarks, then vectors to place among them.
import { parentPort, workerData } from "node:worker_threads";
import { layOut } from "./layout.ts";
import { createPlacer } from "./placement.ts";

/** What the thread is started with; see `layOut`. */
export interface LayoutWorkerData {
  readonly vectors: Float32Array;
  readonly dimensions: number;
}

/** What the thread says: how much of the landmarks is laid out, then their places, then those of each batch. */
export type LayoutMessage = { readonly part: number } | { readonly places: Float32Array };

const { vectors, dimensions } = workerData as LayoutWorkerData;
const say = (message: LayoutMessage) => parentPort!.postMessage(message);
const places = layOut(vectors, dimensions, (part) => say({ part }));
say({ places });
const place = createPlacer(vectors, places, dimensions);
parentPort!.on("message", (batch: Float32Array) => say({ places: place(batch) }));
