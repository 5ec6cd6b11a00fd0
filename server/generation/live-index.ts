// The index of one generation, kept alive: filled from the stored embeddings, filled again when its thread dies or when
// deletes have left too many dead nodes, and searched without a pause meanwhile.
//
// The database is the truth. Changes are told here in the database's order, right after each commit (see write-queue),
// to the thread that serves and to the one being filled; reading a stored row and sending it happen in one turn of the
// event loop. So a thread always sees an order of events that the database saw too.
import { setTimeout as sleep } from "node:timers/promises";
import type { Logger } from "pino";
import { AppError } from "../../core/errors.ts";
import type { IndexReport } from "../index/hnsw.ts";
import { type IndexThread, startIndexThread } from "../index/index-thread.ts";
import type { FoundKeys } from "../index/index-worker.ts";
import type { StoredEmbedding } from "../store/embedding-records.ts";

/** The index of one generation. Keys are numbers of contents. */
export interface LiveIndex {
  readonly isServing: boolean;
  /** Resolves when the embeddings can be found, or when a rebuild under way will bring them; never rejects. */
  add(embeddings: readonly StoredEmbedding[]): Promise<void>;
  /** As {@link LiveIndex.add}. */
  remove(content: number): Promise<void>;
  /** @throws AppError `index_unavailable` while there is nothing to search. */
  search(query: Float32Array, k: number): Promise<FoundKeys>;
  /** Exact search over the contents `keys` alone; the array is given away. Errors as {@link LiveIndex.search}. */
  searchAmong(query: Float32Array, keys: Float64Array<ArrayBuffer>, k: number): Promise<FoundKeys>;
  inspect(sample: number): Promise<IndexReport>;
  /** Fills a new thread from the stored embeddings and lets it take over. */
  rebuild(): Promise<void>;
  close(): Promise<void>;
}

/** Dead nodes are cleared away once there are more of them than this and than live keys. */
const TOMBSTONES = 1000;
/** Stored embeddings read and added at a time: a few milliseconds of the event loop. */
const FILL_BATCH = 500;
/** Before a rebuild that failed is tried again. */
const RETRY_MS = 1000;

/**
 * Makes an index that serves after its first {@link LiveIndex.rebuild}.
 *
 * @param storedAfter Stored embeddings of contents numbered above `content`, in order.
 */
export function createLiveIndex({
  dimensions,
  storedAfter,
  logger,
  onSearched,
  startThread = startIndexThread,
}: {
  dimensions: number;
  storedAfter: (content: number, limit: number) => StoredEmbedding[];
  logger: Logger;
  /** Told how long each search took. */
  onSearched?: (seconds: number) => void;
  startThread?: typeof startIndexThread;
}): LiveIndex {
  let serving: IndexThread | undefined;
  let filling: IndexThread | undefined;
  let rebuilding: Promise<void> | undefined;
  let closed = false;

  const pack = (embeddings: readonly StoredEmbedding[]) => {
    const vectors = new Float32Array(embeddings.length * dimensions);
    for (const [i, { vector }] of embeddings.entries()) vectors.set(vector, i * dimensions);
    return vectors;
  };
  const keysOf = (embeddings: readonly StoredEmbedding[]) => embeddings.map(({ content }) => content);

  const start = () => {
    const thread = startThread(dimensions, (reason) => {
      logger.error({ err: reason }, "an index thread ended unexpectedly");
      if (thread !== serving) return;
      serving = undefined;
      void rebuildUntilDone();
    });
    return thread;
  };

  const fill = async (): Promise<void> => {
    const thread = start();
    filling = thread;
    try {
      let cursor = 0;
      for (;;) {
        const batch = storedAfter(cursor, FILL_BATCH);
        if (batch.length === 0 || closed) break;
        cursor = batch.at(-1)!.content;
        await thread.add(keysOf(batch), pack(batch));
      }
    } catch (error) {
      filling = undefined;
      void thread.close();
      throw error;
    }
    const old = serving;
    serving = thread;
    filling = undefined;
    void old?.close();
  };

  const rebuild = (): Promise<void> => {
    rebuilding ??= fill().finally(() => {
      rebuilding = undefined;
    });
    return rebuilding;
  };

  async function rebuildUntilDone(): Promise<void> {
    while (!closed && !serving) {
      try {
        await rebuild();
      } catch (error) {
        logger.error({ err: error }, "the index could not be rebuilt; trying again");
        await sleep(RETRY_MS);
      }
    }
  }

  const getServing = (): IndexThread => {
    if (serving) return serving;
    throw new AppError("index_unavailable", "The index is being built. Try again in a few seconds.");
  };

  const timed = async (search: (thread: IndexThread) => Promise<FoundKeys>): Promise<FoundKeys> => {
    const began = performance.now();
    const found = await search(getServing());
    onSearched?.((performance.now() - began) / 1000);
    return found;
  };

  const tell = async <T>(act: (thread: IndexThread) => Promise<T>): Promise<T | undefined> => {
    const threads = [serving, filling].filter((thread) => thread !== undefined);
    const [answer] = await Promise.allSettled(threads.map(act));
    return answer?.status === "fulfilled" ? answer.value : undefined;
  };

  return {
    get isServing() {
      return serving !== undefined;
    },
    async add(embeddings) {
      await tell((thread) => thread.add(keysOf(embeddings), pack(embeddings)));
    },
    async remove(content) {
      const size = await tell((thread) => thread.remove([content]));
      if (!size || closed || rebuilding || size.tombstones < Math.max(TOMBSTONES, size.keys)) return;
      rebuild().catch((error) => logger.error({ err: error }, "the index could not be rebuilt"));
    },
    search: (query, k) => timed((thread) => thread.search(query, k)),
    searchAmong: (query, keys, k) => timed((thread) => thread.searchAmong(query, keys, k)),
    inspect: async (sample) => getServing().inspect(sample),
    rebuild,
    async close() {
      closed = true;
      await rebuilding?.catch(() => {});
      await serving?.close();
      serving = undefined;
    },
  };
}
