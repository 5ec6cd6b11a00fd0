import assert from "node:assert/strict";
import { copyFile, readFile, rename, rm, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { pino } from "pino";
import { AppError } from "../../../../core/errors.ts";
import type { Embedding } from "../../../../server/domain/content.ts";
import { createLiveIndex } from "../../../../server/storage/hnsw/live-index.ts";
import { createSnapshotFiles, type Snapshots } from "../../../../server/storage/hnsw/snapshot-files.ts";
import { type IndexThread, startIndexThread } from "../../../../server/storage/hnsw/thread.ts";
import type { Catalogue, Change, VectorIndex } from "../../../../server/storage/ports.ts";
import { temporaryFolder } from "../../../../support/temporary-folder.ts";
import { unitVectors } from "../../../../support/vectors.ts";

const DIMENSIONS = 4;
const logger = pino({ level: "silent" });
const vectors = unitVectors(3000, DIMENSIONS);

const ENCODER = 1;

/** The embeddings of a catalogue: what is stored, and changes as they are told. Both return the sequence number. */
function storedEmbeddings(count: number, vectorOf = (content: number) => vectors[content - 1]!) {
  let rows: Embedding[] = Array.from({ length: count }, (_, i) => ({ content: i + 1, vector: vectorOf(i + 1) }));
  const listeners = new Set<(change: Change) => void>();
  let sequence = 0;
  const tell = (added: Change["added"], removed: number[]) => {
    sequence++;
    for (const listener of listeners) listener({ sequence, added, removed });
    return sequence;
  };
  const catalogue = {
    embeddings: {
      async *list(_encoder: number, batch: number) {
        for (let after = 0; ; ) {
          const some = rows.filter(({ content }) => content > after).slice(0, batch);
          if (some.length === 0) return;
          after = some.at(-1)!.content;
          await sleep(1); // changes come between reading and sending
          yield some;
        }
      },
    },
    follow: async (listener: (change: Change) => void) => {
      listeners.add(listener);
      return { sequence, stop: () => void listeners.delete(listener) };
    },
  };
  return {
    catalogue: catalogue as unknown as Catalogue,
    rows: () => rows,
    add(content: number): number {
      const row = { content, vector: vectorOf(content) };
      rows.push(row);
      return tell([{ encoder: ENCODER, ...row }], []);
    },
    remove(content: number): number {
      rows = rows.filter((row) => row.content !== content);
      return tell([], [content]);
    },
    addOfOther: (content: number) => tell([{ encoder: ENCODER + 1, content, vector: vectorOf(content) }], []),
  };
}

type Stored = ReturnType<typeof storedEmbeddings>;

describe("live index", () => {
  let folder: string;
  let remove: () => Promise<void>;
  let snapshots: Snapshots;
  beforeEach(async () => {
    ({ folder, remove } = await temporaryFolder());
    snapshots = createSnapshotFiles(folder).of(1);
  });
  afterEach(() => remove());

  const open = (stored: Stored, more: Partial<Parameters<typeof createLiveIndex>[0]> = {}) =>
    createLiveIndex({
      dimensions: DIMENSIONS,
      encoder: ENCODER,
      catalogue: stored.catalogue,
      snapshots,
      logger,
      ...more,
    });
  const sizeOf = async (index: VectorIndex) => (await index.size(0)).contents;

  it("has every change that happened while it was being filled", async () => {
    const stored = storedEmbeddings(2000);
    const index = open(stored);
    await assert.rejects(index.nearest(vectors[0]!, 1), { code: "index_unavailable" });
    const filled = index.fill();
    for (let i = 1; i <= 500; i++) {
      stored.add(2000 + i);
      stored.remove(i * 3);
      if (i % 50 === 0) await sleep(1);
    }
    await filled;
    assert.equal(await sizeOf(index), 2000);
    assert.deepEqual((await index.nearest(vectors[2499]!, 1)).contents, [2500]);
    assert.ok(!(await index.nearest(vectors[2]!, 1000)).contents.includes(3));
    await index.close();
  });

  it("does not bring back what is removed between reading a row and adding it", async () => {
    const stored = storedEmbeddings(600);
    const index = open(stored);
    const filled = index.fill();
    await sleep(0);
    for (let content = 1; content <= 600; content += 2) stored.remove(content);
    await filled;
    assert.equal(await sizeOf(index), 300);
    await index.close();
  });

  it("says what it has reached, in the order of the changes", async () => {
    const stored = storedEmbeddings(5);
    const index = open(stored);
    await index.fill();
    assert.deepEqual(await index.size(0), { sequence: 0, contents: 5 });
    const first = stored.add(6);
    const atFirst = index.size(first);
    const second = stored.addOfOther(7);
    const third = stored.remove(1);
    assert.deepEqual(await atFirst, { sequence: first, contents: 6 });
    assert.deepEqual(await index.size(third), { sequence: third, contents: 5 });
    await index.reached(second);
    assert.deepEqual((await index.nearest(vectors[5]!, 1)).contents, [6]);
    await index.close();
  });

  it("fills itself again when its thread dies", async () => {
    const stored = storedEmbeddings(10);
    const threads: Array<{ thread: IndexThread; died: (reason: Error) => void }> = [];
    const startThread: typeof startIndexThread = (dimensions, died) => {
      const thread = startIndexThread(dimensions, died);
      threads.push({ thread, died });
      return thread;
    };
    const index = open(stored, { startThread });
    await index.fill();
    await threads[0]!.thread.close();
    const waiting = index.reached(1000);
    threads[0]!.died(new Error("out of memory"));
    await waiting; // nothing can be found now: nobody is kept waiting
    assert.equal(index.isServing, false);
    await assert.rejects(index.nearest(vectors[0]!, 1), AppError);
    await index.reached(stored.add(11));
    while (!index.isServing) await sleep(10);
    assert.equal(threads.length, 2);
    assert.equal(await sizeOf(index), 11);
    await index.close();
  });

  it("fills itself again where its thread could not carry out a change", async () => {
    const stored = storedEmbeddings(10);
    let fails = false;
    const startThread: typeof startIndexThread = (dimensions, died) => {
      const thread = startIndexThread(dimensions, died);
      const add: IndexThread["add"] = (...given) =>
        fails ? Promise.reject(new Error("no memory")) : thread.add(...given);
      return { ...thread, add };
    };
    const index = open(stored, { startThread });
    await index.fill();
    fails = true;
    const reached = index.reached(stored.add(11));
    await reached;
    assert.equal(index.isServing, false);
    fails = false;
    while (!index.isServing) await sleep(10);
    assert.equal(await sizeOf(index), 11);
    await index.close();
  });

  it("clears dead nodes away when there are many", async () => {
    const stored = storedEmbeddings(2100);
    const index = open(stored);
    await index.fill();
    for (let content = 1; content <= 1100; content++) await index.reached(stored.remove(content));
    await index.fill(); // the one under way, or another
    await index.reached(stored.add(3000));
    const { contents } = await index.nearest(vectors[2999]!, 1000);
    assert.equal(contents[0], 3000);
    assert.ok(contents.every((content) => content > 1100));
    await index.close();
  });

  describe("starts from its snapshot and what changed since", () => {
    /** Opens an index over `stored`; `log` has what it says about its filling. */
    const openLogged = async (stored: Stored, encoder = 1) => {
      const log: Array<{ msg: string; fromSnapshot?: number; err?: { message: string } }> = [];
      const index = open(stored, {
        snapshots: createSnapshotFiles(folder).of(encoder),
        logger: pino({}, { write: (line) => void log.push(JSON.parse(line)) }),
      });
      await index.fill();
      return { index, log };
    };
    /** The index has exactly what is stored, and finds it. */
    const check = async (index: VectorIndex, stored: Stored) => {
      const rows = stored.rows();
      assert.equal(await sizeOf(index), rows.length);
      const report = await index.inspect(50);
      assert.ok(report.recallAt10 > 0.95, `recall ${report.recallAt10}`);
      for (const { content, vector } of rows.slice(-20)) {
        assert.deepEqual((await index.nearest(vector, 1)).contents, [content]);
      }
      const { contents } = await index.nearest(vectors[0]!, 1000);
      assert.ok(contents.every((found) => rows.some(({ content }) => content === found)));
    };
    /** The snapshot that an index of these leaves. */
    const leave = async (stored: Stored, encoder = 1): Promise<string> => {
      await (await openLogged(stored, encoder)).index.close();
      const [path, ...others] = await createSnapshotFiles(folder).of(encoder).list();
      assert.deepEqual(others, []);
      return path!;
    };

    it("with nothing changed, every vector comes from the snapshot, also the next time", async () => {
      const stored = storedEmbeddings(2000);
      const path = await leave(stored);
      for (let start = 0; start < 2; start++) {
        const { index, log } = await openLogged(stored);
        assert.equal(log.at(-1)?.fromSnapshot, 2000);
        await check(index, stored);
        await index.close();
        assert.deepEqual(await snapshots.list(), [path]);
      }
    });

    it("stale: with images added and deleted since", async () => {
      const stored = storedEmbeddings(2000);
      await leave(stored);
      for (let content = 1; content <= 400; content++) {
        stored.remove(content);
        stored.add(2000 + content);
      }
      const { index, log } = await openLogged(stored);
      assert.equal(log.at(-1)?.fromSnapshot, 1600);
      await check(index, stored);
      await index.reached(stored.remove(1000));
      await check(index, stored);
      await index.close();
      const again = await openLogged(stored);
      await check(again.index, stored);
      await again.index.close();
    });

    it("older than a backup that was restored: a content's number with another vector", async () => {
      await leave(storedEmbeddings(2000));
      const renumbered = storedEmbeddings(2000, (content) => vectors[2000 - content]!);
      const { index, log } = await openLogged(renumbered);
      assert.equal(log.at(-1)?.fromSnapshot, 2000);
      await check(index, renumbered);
      await index.close();
    });

    it("taken while it grows, so that a crash costs no more than a quarter of the work", async () => {
      const stored = storedEmbeddings(0);
      const { index } = await openLogged(stored);
      for (let content = 1; content <= 1300; content++) await index.reached(stored.add(content));
      while ((await snapshots.list()).length === 0) await sleep(10);
      // The process is gone: nobody closes the index.
      const { index: next, log } = await openLogged(stored);
      assert.ok(log.at(-1)!.fromSnapshot! >= 1000);
      await check(next, stored);
      await next.close();
      await index.close();
    });

    const damages: Record<string, (path: string) => Promise<void>> = {
      missing: (path) => rm(path),
      truncated: (path) => truncate(path, 40_000),
      empty: (path) => truncate(path, 0),
      "bit-flipped": async (path) => {
        const bytes = await readFile(path);
        bytes[bytes.length >> 1]! ^= 1;
        await writeFile(path, bytes);
      },
      "a foreign file under its name": (path) => writeFile(path, "not an index"),
    };
    for (const [damage, apply] of Object.entries(damages)) {
      it(`${damage}: built anew from the stored embeddings, with a line in the log`, async () => {
        const stored = storedEmbeddings(2000);
        const path = await leave(stored);
        await apply(path);
        const { index, log } = await openLogged(stored);
        assert.equal(log.at(-1)?.fromSnapshot, 0);
        if (damage !== "missing") assert.match(log[0]!.msg, /snapshot.*cannot be used/);
        await check(index, stored);
        await index.close();
        const again = await openLogged(stored);
        assert.equal(again.log.at(-1)?.fromSnapshot, 2000, "the new snapshot took its place");
        await again.index.close();
      });
    }

    it("of another model, with a checksum that is right: built anew", async () => {
      const stored = storedEmbeddings(2000);
      const wide = unitVectors(2000, 8);
      const index = open(
        storedEmbeddings(2000, (content) => wide[content - 1]!),
        { dimensions: 8, snapshots: createSnapshotFiles(folder).of(2) },
      );
      await index.fill();
      await index.close();
      const [path] = await createSnapshotFiles(folder).of(2).list();
      await rename(path!, path!.replace("2-", "1-"));
      const opened = await openLogged(stored);
      assert.match(opened.log[0]!.err!.message, /Expected dimensions, links and efConstruction 4,16,200/);
      assert.equal(opened.log.at(-1)?.fromSnapshot, 0);
      await check(opened.index, stored);
      await opened.index.close();
    });

    it("of other images: their vectors are cleared away", async () => {
      await leave(storedEmbeddings(1500));
      const others = unitVectors(1200, DIMENSIONS, 7);
      const stored = storedEmbeddings(1200, (content) => others[content - 1]!);
      const { index, log } = await openLogged(stored);
      while (log.filter(({ fromSnapshot }) => fromSnapshot !== undefined).length < 2) await sleep(10);
      await check(index, stored);
      await index.close();
    });

    it("leaves nothing behind where it cannot be written", async () => {
      await copyFile(await leave(storedEmbeddings(100)), join(folder, "copy"));
      await assert.rejects(
        snapshots.replace(() => Promise.reject(new Error("no room"))),
        /no room/,
      );
      assert.equal((await snapshots.list()).length, 1);
    });
  });
});
