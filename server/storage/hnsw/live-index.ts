// The index of one generation: filled from the stored embeddings, and filled again when its thread dies or when deletes
// have left too many dead nodes; in the latter case the old index answers meanwhile. A snapshot makes filling quick:
// adding a vector that it holds costs nothing.
//
// The catalogue is the truth, and its changes are applied here in the order of their sequence numbers. A thread that is
// being filled gets the stored embeddings first and then, in order, every change since filling began; changes that the
// stored embeddings contain already have no effect.
import { setTimeout as sleep } from "node:timers/promises";
import type { Logger } from "pino";
import { AppError } from "../../../core/errors.ts";
import type { Embedding } from "../../domain/content.ts";
import type { Catalogue, Change, Following, VectorIndex } from "../ports.ts";
import { searchImages } from "./image-search.ts";
import type { IndexSize } from "./key-index.ts";
import type { Snapshots } from "./snapshot-files.ts";
import { type IndexThread, startIndexThread } from "./thread.ts";

/** The index is rebuilt once it has at least this many dead nodes, and as many as keys. */
const TOMBSTONES = 1000;
/** A snapshot is taken after this many changes, or a quarter of the number of keys where that is more. */
const CHANGES = 1000;
/** Stored embeddings read and added at a time, which blocks the event loop for a few milliseconds. */
const FILL_BATCH = 500;
/** Milliseconds before a rebuild that failed is tried again. */
const RETRY_MS = 1000;

const EMPTY: IndexSize = { keys: 0, tombstones: 0 };

/** What {@link createLiveIndex} works on. */
export interface LiveIndexDeps {
  readonly dimensions: number;
  readonly encoder: number;
  readonly catalogue: Catalogue;
  /** Where snapshots are kept; one is taken now and then, and on closing. */
  readonly snapshots: Snapshots;
  readonly logger: Logger;
  readonly startThread?: typeof startIndexThread;
}

/** A thread and how far it has followed the catalogue. */
interface Follower {
  readonly thread: IndexThread;
  size: IndexSize;
  /** Sequence number of the last change that the thread has applied. */
  reached: number;
  /** Settles when the thread has answered every call so far. */
  answered: Promise<void>;
}

/** Makes an index that serves after its first {@link VectorIndex.fill}. */
export function createLiveIndex({
  dimensions,
  encoder,
  catalogue,
  snapshots,
  logger,
  startThread = startIndexThread,
}: LiveIndexDeps): VectorIndex {
  let serving: Follower | undefined;
  /** Changes since filling began, for the thread that is being filled. */
  let pending: Change[] | undefined;
  let following: Promise<Following> | undefined;
  /** Sequence number of the last change that the catalogue has announced. */
  let latest = 0;
  let rebuilding: Promise<void> | undefined;
  let waiters: Array<{ sequence: number; wake: (at?: { sequence: number; contents: number }) => void }> = [];
  /** Vectors added and removed since the last snapshot. */
  let changes = 0;
  let saving: Promise<void> | undefined;
  let closed = false;

  const addTo = (thread: IndexThread, embeddings: readonly Embedding[]): Promise<IndexSize> => {
    const vectors = new Float32Array(embeddings.length * dimensions);
    for (const [i, { vector }] of embeddings.entries()) vectors.set(vector, i * dimensions);
    return thread.add(
      embeddings.map(({ content }) => content),
      vectors,
    );
  };

  /** Sends a change to a thread; `answered` rejects where the thread fails. */
  const apply = (follower: Follower, { sequence, added, removed }: Change): Promise<void> => {
    const own = added.filter((embedding) => embedding.encoder === encoder);
    const calls: Array<Promise<IndexSize>> = [];
    if (own.length > 0) calls.push(addTo(follower.thread, own));
    if (removed.length > 0) calls.push(follower.thread.remove(removed));
    follower.answered = Promise.all([follower.answered, ...calls]).then(([, ...sizes]) => {
      follower.size = sizes.at(-1) ?? follower.size;
      follower.reached = sequence;
      wakeWaiters();
    });
    return follower.answered;
  };

  /** Wakes the waiters whose sequence number the serving thread has reached; all of them where none serves. */
  const wakeWaiters = () => {
    if (waiters.length === 0) return;
    const at = serving && { sequence: serving.reached, contents: serving.size.keys };
    const [woken, others] = [[] as typeof waiters, [] as typeof waiters];
    for (const waiter of waiters) (!at || at.sequence >= waiter.sequence ? woken : others).push(waiter);
    waiters = others;
    for (const { wake } of woken) wake(at);
  };

  /** Resolves once the serving thread has applied a change, with what it holds then; undefined where none serves. */
  const waitFor = (sequence: number) =>
    new Promise<{ sequence: number; contents: number } | undefined>((wake) => {
      waiters.push({ sequence, wake });
      wakeWaiters();
    });

  const follow = (change: Change): void => {
    latest = change.sequence;
    pending?.push(change);
    const follower = serving;
    if (!follower) return;
    changes += change.added.filter((embedding) => embedding.encoder === encoder).length + change.removed.length;
    apply(follower, change).then(
      () => follower === serving && maintain(follower.size),
      (error) => lose(follower, error),
    );
  };

  /** Gives up a serving thread that has died or failed to apply a change, and fills another. */
  const lose = (follower: Follower, reason: unknown): void => {
    if (follower !== serving) return;
    logger.error({ err: reason }, "an index thread ended unexpectedly");
    serving = undefined;
    void follower.thread.close();
    wakeWaiters();
    if (!closed) void rebuildUntilDone();
  };

  const start = (): Follower => {
    const follower: Follower = {
      thread: startThread(dimensions, (reason) => lose(follower, reason)),
      size: EMPTY,
      reached: 0,
      answered: Promise.resolve(),
    };
    return follower;
  };

  /** Loads the vectors of a snapshot into a thread, as dead nodes. A snapshot that cannot be used is logged. */
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

  const fillThread = async (useSnapshot: boolean): Promise<IndexSize> => {
    const began = performance.now();
    following ??= catalogue.follow(follow);
    latest = Math.max(latest, (await following).sequence);
    const follower = start();
    const { thread } = follower;
    let restored = EMPTY;
    try {
      if (useSnapshot) restored = await restore(thread);
      follower.size = restored;
      const since: Change[] = [];
      pending = since;
      for await (const batch of catalogue.embeddings.list(encoder, FILL_BATCH)) {
        if (closed) break;
        follower.size = await addTo(thread, batch);
      }
      follower.reached = since[0] ? since[0].sequence - 1 : latest;
      while (since.length > 0) {
        for (const change of since.splice(0)) void apply(follower, change).catch(() => {});
        await follower.answered;
      }
    } catch (error) {
      pending = undefined;
      void thread.close();
      throw error;
    }
    const old = serving;
    serving = follower;
    pending = undefined;
    wakeWaiters();
    void old?.thread.close();
    const { size } = follower;
    const reused = Math.max(0, restored.tombstones - size.tombstones);
    changes = size.keys - reused + size.tombstones;
    const ms = Math.round(performance.now() - began);
    logger.info({ images: size.keys, fromSnapshot: reused, ms }, "the index is filled");
    return size;
  };

  /** Takes a snapshot of the serving thread if there were changes; where that fails the previous one stays. */
  const save = (): Promise<void> => {
    const thread = serving?.thread;
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

  /** After changes: rebuilds an index with too many dead nodes, or takes a snapshot. */
  const maintain = ({ keys, tombstones }: IndexSize): void => {
    if (closed || rebuilding) return;
    if (tombstones >= Math.max(TOMBSTONES, keys)) {
      rebuild(false).catch((error) => logger.error({ err: error }, "the index could not be rebuilt"));
    } else if (changes >= Math.max(CHANGES, keys / 4)) void save();
  };

  const rebuild = (useSnapshot = true): Promise<void> => {
    rebuilding ??= fillThread(useSnapshot)
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

  const unavailable = () => new AppError("index_unavailable", "The index is being built. Try again in a few seconds.");
  const getServing = (): IndexThread => {
    if (serving) return serving.thread;
    throw unavailable();
  };

  return {
    get isServing() {
      return serving !== undefined;
    },
    fill: () => rebuild(),
    async optimise() {}, // the graph takes vectors one by one
    async reached(sequence) {
      await waitFor(sequence);
    },
    search: async (query, wanted) => searchImages(query, wanted, { index: getServing(), catalogue }),
    async nearest(query, k) {
      const { keys, scores } = await getServing().search(query, k);
      return { contents: keys, scores };
    },
    async size(sequence) {
      const at = await waitFor(sequence);
      if (at) return at;
      throw unavailable();
    },
    inspect: async (sample) => getServing().inspect(sample),
    async close() {
      closed = true;
      (await following)?.stop();
      await rebuilding?.catch(() => {});
      await saving;
      await save();
      await serving?.thread.close();
      serving = undefined;
      wakeWaiters();
    },
  };
}
