// The index of one generation, kept alive: filled from the stored embeddings, filled again when its thread dies or when
// deletes have left too many dead nodes, and searched without a pause meanwhile. A snapshot of an earlier index saves
// the filling its work: a vector that it has costs nothing to add.
//
// The database is the truth. Changes are told here in the database's order, right after each commit (see write-queue),
// to the thread that serves and to the one being filled; reading a stored row and sending it happen in one turn of the
// event loop. So a thread always sees an order of events that the database saw too.
import { setTimeout as sleep } from "node:timers/promises";
import type { Logger } from "pino";
import { AppError } from "../../core/errors.ts";
import type { IndexReport } from "../storage/hnsw/hnsw.ts";
import type { Snapshots } from "../storage/hnsw/snapshot-files.ts";
import { type IndexThread, startIndexThread } from "../storage/hnsw/thread.ts";
import type { IndexSize } from "../storage/hnsw/vector-index.ts";
import type { FoundKeys } from "../storage/hnsw/worker.ts";
import type { StoredEmbedding } from "../storage/sqlite/embedding-records.ts";

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
/** A snapshot is taken after so many changes, and after changes of a quarter of the index. */
const CHANGES = 1000;
/** Stored embeddings read and added at a time: a few milliseconds of the event loop. */
const FILL_BATCH = 500;
/** Before a rebuild that failed is tried again. */
const RETRY_MS = 1000;

const EMPTY: IndexSize = { keys: 0, tombstones: 0 };

/**
 * Makes an index that serves after its first {@link LiveIndex.rebuild}.
 *
 * @param storedAfter Stored embeddings of contents numbered above `content`, in order.
 * @param snapshots Where snapshots are kept; one is taken now and then, and on closing.
 */
export function createLiveIndex({
  dimensions,
  storedAfter,
  snapshots,
  logger,
  onSearched,
  startThread = startIndexThread,
}: {
  dimensions: number;
  storedAfter: (content: number, limit: number) => StoredEmbedding[];
  snapshots: Snapshots;
  logger: Logger;
  /** Told how long each search took. */
  onSearched?: (seconds: number) => void;
  startThread?: typeof startIndexThread;
}): LiveIndex {
  let serving: IndexThread | undefined;
  let filling: IndexThread | undefined;
  let rebuilding: Promise<void> | undefined;
  /** Changes since the last snapshot. */
  let changes = 0;
  let saving: Promise<void> | undefined;
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

  /** Brings a thread the vectors of a snapshot, as dead nodes. What is wrong with a file goes to the log. */
  const restore = async (thread: IndexThread): Promise<IndexSize> => {
    for (const path of await snapshots.list()) {
      try {
        await snapshots.check(path);
        return await thread.restore(path);
      } catch (error) {
        logger.warn({ err: error, path }, "a snapshot of the index cannot be used; building it anew");
      }
    }
    return EMPTY;
  };

  const fill = async (useSnapshot: boolean): Promise<IndexSize> => {
    const began = performance.now();
    const thread = start();
    let restored = EMPTY;
    let size: IndexSize;
    try {
      if (useSnapshot) restored = await restore(thread);
      size = restored;
      filling = thread;
      let cursor = 0;
      for (;;) {
        const batch = storedAfter(cursor, FILL_BATCH);
        if (batch.length === 0 || closed) break;
        cursor = batch.at(-1)!.content;
        size = await thread.add(keysOf(batch), pack(batch));
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
    const reused = Math.max(0, restored.tombstones - size.tombstones);
    changes = size.keys - reused + size.tombstones;
    const ms = Math.round(performance.now() - began);
    logger.info({ images: size.keys, fromSnapshot: reused, ms }, "the index is filled");
    return size;
  };

  /** Takes a snapshot of the serving thread where there are changes; a failure leaves the one before. */
  const save = (): Promise<void> => {
    const thread = serving;
    if (!thread || changes === 0) return Promise.resolve();
    const saved = changes;
    saving ??= snapshots
      .replace((path) => thread.write(path))
      .then(() => {
        changes -= saved;
      })
      .catch((error) =>
        logger.warn({ err: error }, "no snapshot of the index could be taken; a start will take longer"),
      )
      .finally(() => {
        saving = undefined;
      });
    return saving;
  };

  /** After changes: clears dead nodes away, takes a snapshot. */
  const maintain = ({ keys, tombstones }: IndexSize): void => {
    if (closed || rebuilding) return;
    if (tombstones >= Math.max(TOMBSTONES, keys)) {
      rebuild(false).catch((error) => logger.error({ err: error }, "the index could not be rebuilt"));
    } else if (changes >= Math.max(CHANGES, keys / 4)) void save();
  };

  const rebuild = (useSnapshot = true): Promise<void> => {
    rebuilding ??= fill(useSnapshot)
      .finally(() => {
        rebuilding = undefined;
      })
      .then(maintain);
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

  const tell = async (count: number, act: (thread: IndexThread) => Promise<IndexSize>): Promise<void> => {
    changes += count;
    const threads = [serving, filling].filter((thread) => thread !== undefined);
    const [size] = await Promise.allSettled(threads.map(act));
    if (size?.status === "fulfilled") maintain(size.value);
  };

  return {
    get isServing() {
      return serving !== undefined;
    },
    add: (embeddings) => tell(embeddings.length, (thread) => thread.add(keysOf(embeddings), pack(embeddings))),
    remove: (content) => tell(1, (thread) => thread.remove([content])),
    search: (query, k) => timed((thread) => thread.search(query, k)),
    searchAmong: (query, keys, k) => timed((thread) => thread.searchAmong(query, keys, k)),
    inspect: async (sample) => getServing().inspect(sample),
    rebuild: () => rebuild(),
    async close() {
      closed = true;
      await rebuilding?.catch(() => {});
      await saving;
      await save();
      await serving?.close();
      serving = undefined;
    },
  };
}
