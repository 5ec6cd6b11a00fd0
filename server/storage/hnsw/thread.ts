// The server's side of the index thread.
import { AppError } from "../../../core/errors.ts";
import { siblingModule } from "../../../core/paths.ts";
import { startWorker } from "../../../core/processes.ts";
import { createPendingCalls } from "../../pending-calls.ts";
import type { IndexReport } from "../ports.ts";
import type { IndexSize } from "./key-index.ts";
import type { FoundKeys, IndexAnswer, IndexCall, IndexReply, IndexRequest, IndexWorkerData } from "./worker.ts";

/**
 * An index in a thread of its own. Calls are carried out in order. Where the thread has died they reject with AppError
 * `index_unavailable`.
 */
export interface IndexThread {
  /** @param vectors [keys, D] row by row. Transferred to the thread: the array cannot be used after the call. */
  add(keys: readonly number[], vectors: Float32Array<ArrayBuffer>): Promise<IndexSize>;
  remove(keys: readonly number[]): Promise<IndexSize>;
  search(query: Float32Array, k: number): Promise<FoundKeys>;
  /** Exact search over `keys` alone. The array is transferred to the thread. */
  searchAmong(query: Float32Array, keys: Float64Array<ArrayBuffer>, k: number): Promise<FoundKeys>;
  inspect(sample: number): Promise<IndexReport>;
  /** Writes a snapshot to a new file; see `HnswIndex.write`. */
  write(path: string): Promise<IndexSize>;
  /**
   * Replaces the index with a snapshot, whose vectors are dead nodes until they are added. A failure changes nothing.
   */
  restore(path: string): Promise<IndexSize>;
  /** Ends the thread once the calls under way are answered. */
  close(): Promise<void>;
}

/**
 * Most calls of one message. A message costs about as much as a search, so the calls of one turn of the event loop are
 * sent together. Were all of a burst in one message, the server would have nothing to do until the last of them is
 * answered, and the thread nothing until the next burst.
 */
const MOST_TOGETHER = 8;

/**
 * Starts a thread with an empty index.
 *
 * @param died Called once when the thread ends without {@link IndexThread.close}.
 * @param start Starts the worker; tests replace it to end the worker themselves.
 */
export function startIndexThread(
  dimensions: number,
  died: (reason: Error) => void,
  start: typeof startWorker = startWorker,
): IndexThread {
  const calls = createPendingCalls<IndexAnswer>();
  const workerData: IndexWorkerData = { dimensions };
  const worker = start(siblingModule(import.meta.url, "worker"), { workerData });
  let state: "running" | "closing" | "dead" = "running";
  let reason = new Error("the index thread ended");

  const unavailable = () =>
    new AppError("index_unavailable", "The index is being rebuilt after a failure. Try again in a few seconds.", {
      cause: reason,
    });

  worker.on("message", (replies: readonly IndexReply[]) => {
    for (const reply of replies) {
      if ("answer" in reply) calls.resolve(reply.id, reply.answer);
      else calls.reject(reply.id, new Error(`The index failed: ${reply.error}`));
    }
  });
  worker.on("error", (error) => {
    reason = error;
  });
  worker.on("exit", () => {
    const expected = state === "closing";
    state = "dead";
    calls.rejectAll(unavailable());
    if (!expected) died(reason);
  });

  let unsent: IndexCall[] = [];
  let given: ArrayBuffer[] = [];
  const send = () => {
    if (unsent.length === 0) return;
    worker.postMessage(unsent, given);
    unsent = [];
    given = [];
  };
  const call = <T extends IndexAnswer>(request: IndexRequest, transfer: ArrayBuffer[] = []): Promise<T> => {
    if (state === "dead") return Promise.reject(unavailable());
    const { id, answer } = calls.open();
    given.push(...transfer);
    const waiting = unsent.push({ id, request });
    if (waiting === MOST_TOGETHER) send();
    else if (waiting === 1) setImmediate(send);
    return answer as Promise<T>;
  };

  return {
    add: (keys, vectors) => call({ op: "add", keys, vectors }, [vectors.buffer]),
    remove: (keys) => call({ op: "remove", keys }),
    search: (query, k) => call({ op: "search", query, k }),
    searchAmong: (query, keys, k) => call({ op: "search-among", query, keys, k }, [keys.buffer]),
    inspect: (sample) => call({ op: "inspect", sample }),
    write: (path) => call({ op: "write", path }),
    restore: (path) => call({ op: "restore", path }),
    async close() {
      if (state === "dead") return;
      // Ending a thread inside a call of the native index would abort the whole process: it must answer first.
      const idle = call({ op: "remove", keys: [] }).catch(() => {});
      state = "closing";
      await idle;
      await calls.drained();
      await worker.terminate();
    },
  };
}
