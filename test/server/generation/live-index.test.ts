import assert from "node:assert/strict";
import { copyFile, readFile, rename, rm, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { pino } from "pino";
import { AppError } from "../../../core/errors.ts";
import { createLiveIndex } from "../../../server/generation/live-index.ts";
import { createSnapshotFiles, type Snapshots } from "../../../server/storage/hnsw/snapshot-files.ts";
import { type IndexThread, startIndexThread } from "../../../server/storage/hnsw/thread.ts";
import type { StoredEmbedding } from "../../../server/storage/sqlite/embedding-records.ts";
import { temporaryFolder } from "../../../support/temporary-folder.ts";
import { unitVectors } from "../../../support/vectors.ts";

const DIMENSIONS = 4;
const logger = pino({ level: "silent" });
const vectors = unitVectors(3000, DIMENSIONS);

/** Stored embeddings as the database has them: a list in the order of their numbers. */
function storedEmbeddings(count: number) {
  let rows: StoredEmbedding[] = vectors.slice(0, count).map((vector, i) => ({ content: i + 1, vector }));
  return {
    after: (content: number, limit: number) => rows.filter((row) => row.content > content).slice(0, limit),
    add(content: number): StoredEmbedding {
      const row = { content, vector: vectors[content - 1]! };
      rows.push(row);
      return row;
    },
    remove(content: number) {
      rows = rows.filter((row) => row.content !== content);
    },
  };
}

describe("live index", () => {
  let folder: string;
  let remove: () => Promise<void>;
  let snapshots: Snapshots;
  beforeEach(async () => {
    ({ folder, remove } = await temporaryFolder());
    snapshots = createSnapshotFiles(folder).of(1);
  });
  afterEach(() => remove());

  it("has every change that happened while it was being filled", async () => {
    const stored = storedEmbeddings(2000);
    const index = createLiveIndex({ dimensions: DIMENSIONS, storedAfter: stored.after, snapshots, logger });
    await assert.rejects(index.search(vectors[0]!, 1), { code: "index_unavailable" });
    const rebuilt = index.rebuild();
    for (let i = 1; i <= 500; i++) {
      void index.add([stored.add(2000 + i)]);
      stored.remove(i * 3);
      void index.remove(i * 3);
      if (i % 50 === 0) await sleep(1);
    }
    await rebuilt;
    assert.equal((await index.inspect(10)).size, 2000);
    const { keys } = await index.search(vectors[2499]!, 1);
    assert.deepEqual([...keys], [2500]);
    const near = await index.search(vectors[2]!, 1000);
    assert.ok(!near.keys.includes(3));
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
    const index = createLiveIndex({
      dimensions: DIMENSIONS,
      storedAfter: stored.after,
      snapshots,
      logger,
      startThread,
    });
    await index.rebuild();
    await threads[0]!.thread.close();
    threads[0]!.died(new Error("out of memory"));
    assert.equal(index.isServing, false);
    await assert.rejects(index.search(vectors[0]!, 1), AppError);
    await index.add([stored.add(11)]);
    while (!index.isServing) await sleep(10);
    assert.equal(threads.length, 2);
    assert.equal((await index.inspect(10)).size, 11);
    await index.close();
  });

  it("clears dead nodes away when there are many", async () => {
    const stored = storedEmbeddings(2100);
    const index = createLiveIndex({ dimensions: DIMENSIONS, storedAfter: stored.after, snapshots, logger });
    await index.rebuild();
    for (let content = 1; content <= 1100; content++) {
      stored.remove(content);
      await index.remove(content);
    }
    await index.rebuild(); // the one under way, or another
    await index.add([stored.add(3000)]);
    const { keys } = await index.search(vectors[2999]!, 1000);
    assert.equal(keys[0], 3000);
    assert.ok(keys.every((key) => key > 1100));
    await index.close();
  });

  describe("starts from its snapshot and what changed since", () => {
    /** Opens an index over `stored`; `log` has what it says about its filling. */
    const open = async (stored: ReturnType<typeof storedEmbeddings>, encoder = 1) => {
      const log: Array<{ msg: string; fromSnapshot?: number; err?: { message: string } }> = [];
      const index = createLiveIndex({
        dimensions: DIMENSIONS,
        storedAfter: stored.after,
        snapshots: createSnapshotFiles(folder).of(encoder),
        logger: pino({}, { write: (line) => void log.push(JSON.parse(line)) }),
      });
      await index.rebuild();
      return { index, log };
    };
    /** The index has exactly what is stored, and finds it. */
    const check = async (index: Awaited<ReturnType<typeof open>>["index"], stored: { after: StoredAfter }) => {
      const rows = stored.after(0, 10_000);
      const report = await index.inspect(50);
      assert.equal(report.size, rows.length);
      assert.ok(report.recallAt10 > 0.95, `recall ${report.recallAt10}`);
      for (const { content, vector } of rows.slice(-20)) {
        assert.deepEqual([...(await index.search(vector, 1)).keys], [content]);
      }
      assert.ok(
        (await index.search(vectors[0]!, 1000)).keys.every((key) => rows.some(({ content }) => content === key)),
      );
    };
    type StoredAfter = ReturnType<typeof storedEmbeddings>["after"];
    /** The snapshot that an index of these leaves. */
    const leave = async (stored: ReturnType<typeof storedEmbeddings>, encoder = 1): Promise<string> => {
      await (await open(stored, encoder)).index.close();
      const [path, ...others] = await createSnapshotFiles(folder).of(encoder).list();
      assert.deepEqual(others, []);
      return path!;
    };

    it("with nothing changed, every vector comes from the snapshot, also the next time", async () => {
      const stored = storedEmbeddings(2000);
      const path = await leave(stored);
      for (let start = 0; start < 2; start++) {
        const { index, log } = await open(stored);
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
      const { index, log } = await open(stored);
      assert.equal(log.at(-1)?.fromSnapshot, 1600);
      await check(index, stored);
      stored.remove(1000);
      await index.remove(1000);
      await check(index, stored);
      await index.close();
      const again = await open(stored);
      await check(again.index, stored);
      await again.index.close();
    });

    it("older than a backup that was restored: a content's number with another vector", async () => {
      const stored = storedEmbeddings(2000);
      await leave(stored);
      const renumbered = {
        after: (content: number, limit: number) => all.filter((row) => row.content > content).slice(0, limit),
      };
      const all = stored.after(0, 2000).map(({ content }) => ({ content, vector: vectors[2000 - content]! }));
      const { index, log } = await open({ ...stored, ...renumbered });
      assert.equal(log.at(-1)?.fromSnapshot, 2000);
      await check(index, renumbered);
      await index.close();
    });

    it("taken while it grows, so that a crash costs no more than a quarter of the work", async () => {
      const stored = storedEmbeddings(0);
      const { index } = await open(stored);
      for (let content = 1; content <= 1300; content++) await index.add([stored.add(content)]);
      while ((await snapshots.list()).length === 0) await sleep(10);
      // The process is gone: nobody closes the index.
      const { index: next, log } = await open(stored);
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
        const { index, log } = await open(stored);
        assert.equal(log.at(-1)?.fromSnapshot, 0);
        if (damage !== "missing") assert.match(log[0]!.msg, /snapshot.*cannot be used/);
        await check(index, stored);
        await index.close();
        const again = await open(stored);
        assert.equal(again.log.at(-1)?.fromSnapshot, 2000, "the new snapshot took its place");
        await again.index.close();
      });
    }

    it("of another model, with a checksum that is right: built anew", async () => {
      const stored = storedEmbeddings(2000);
      const index = createLiveIndex({
        dimensions: 8,
        storedAfter: (content) =>
          unitVectors(content === 0 ? 2000 : 0, 8).map((vector, i) => ({ content: i + 1, vector })),
        snapshots: createSnapshotFiles(folder).of(2),
        logger,
      });
      await index.rebuild();
      await index.close();
      const [path] = await createSnapshotFiles(folder).of(2).list();
      await rename(path!, path!.replace("2-", "1-"));
      const opened = await open(stored);
      assert.match(opened.log[0]!.err!.message, /Expected dimensions, links and efConstruction 4,16,200/);
      assert.equal(opened.log.at(-1)?.fromSnapshot, 0);
      await check(opened.index, stored);
      await opened.index.close();
    });

    it("of other images: their vectors are cleared away", async () => {
      await leave(storedEmbeddings(1500));
      const rows = unitVectors(1200, DIMENSIONS, 7).map((vector, i) => ({ content: i + 1, vector }));
      const stored = {
        ...storedEmbeddings(0),
        after: (content: number, limit: number) => rows.slice(content, content + limit),
      };
      const { index, log } = await open(stored);
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
