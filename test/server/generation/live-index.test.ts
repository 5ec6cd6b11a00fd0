import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { pino } from "pino";
import { AppError } from "../../../core/errors.ts";
import { createLiveIndex } from "../../../server/generation/live-index.ts";
import { type IndexThread, startIndexThread } from "../../../server/index/index-thread.ts";
import type { StoredEmbedding } from "../../../server/store/embedding-records.ts";
import { unitVectors } from "../../support/vectors.ts";

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
  it("has every change that happened while it was being filled", async () => {
    const stored = storedEmbeddings(2000);
    const index = createLiveIndex({ dimensions: DIMENSIONS, storedAfter: stored.after, logger });
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
    const index = createLiveIndex({ dimensions: DIMENSIONS, storedAfter: stored.after, logger, startThread });
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
    const index = createLiveIndex({ dimensions: DIMENSIONS, storedAfter: stored.after, logger });
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
});
