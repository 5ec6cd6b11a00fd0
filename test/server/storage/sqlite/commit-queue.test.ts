import assert from "node:assert/strict";
import { statSync } from "node:fs";
import { join } from "node:path";
import { type CommitQueue, createCommitQueue } from "../../../../server/storage/sqlite/commit-queue.ts";
import { openDatabase, type SqliteDatabase } from "../../../../server/storage/sqlite/database.ts";
import { temporaryFolder } from "../../../../support/temporary-folder.ts";

describe("commit queue", () => {
  let database: SqliteDatabase;
  let queue: CommitQueue;
  let remove: () => Promise<void>;
  beforeEach(async () => {
    const temporary = await temporaryFolder();
    remove = temporary.remove;
    database = openDatabase(join(temporary.folder, "test.db"));
    queue = createCommitQueue(database);
  });
  afterEach(async () => {
    database.close();
    await remove();
  });

  const insert = (n: number, type = "png") =>
    Number(
      database
        .prepare("INSERT INTO contents (sha256, type, width, height, bytes) VALUES (?, ?, 1, 1, 1)")
        .run(`sha-${n}`, type).lastInsertRowid,
    );
  const count = () => database.prepare("SELECT count(*) FROM contents").pluck().get();

  it("makes one transaction of commits that arrive together, and numbers those that change vectors", async () => {
    const told: number[] = [];
    queue.follow(({ sequence }) => told.push(sequence));
    const apart: boolean[] = [];
    const commits = [1, 2, 3].map((n) =>
      queue.commit(({ removed }) => {
        apart.push(!database.inTransaction);
        if (n !== 2) removed.push(n);
        return insert(n);
      }),
    );
    const committed = await Promise.all(commits);
    assert.deepEqual(
      committed.map(({ value, sequence }) => [value, sequence]),
      [
        [1, 1],
        [2, 1],
        [3, 2],
      ],
    );
    assert.deepEqual(told, [1, 2]);
    assert.deepEqual(apart, [false, false, false]);
    assert.equal(count(), 3);
  });

  it("writes pages once for commits that arrive together", async () => {
    const written = async (commits: () => Promise<unknown>) => {
      const before = statSync(`${database.name}-wal`).size;
      await commits();
      return statSync(`${database.name}-wal`).size - before;
    };
    const together = await written(() => Promise.all([1, 2, 3, 4].map((n) => queue.commit(() => insert(n)))));
    const apart = await written(async () => {
      for (const n of [5, 6, 7, 8]) await queue.commit(() => insert(n));
    });
    assert.ok(together > 0 && apart >= 3 * together, `${together} bytes together, ${apart} apart`);
  });

  it("refuses only the commit that fails, and gives its number to the next", async () => {
    const results = await Promise.allSettled([
      queue.commit(() => insert(1)),
      queue.commit(({ removed }) => {
        removed.push(1);
        insert(2);
        throw new Error("no");
      }),
      queue.commit(({ removed }) => {
        removed.push(1);
        return insert(3);
      }),
    ]);
    assert.deepEqual(
      results.map(({ status }) => status),
      ["fulfilled", "rejected", "fulfilled"],
    );
    assert.equal((results[2] as PromiseFulfilledResult<{ sequence: number }>).value.sequence, 1);
    assert.equal(count(), 2);
  });

  it("goes on with its numbers after a restart", async () => {
    await queue.commit(({ removed }) => void removed.push(1));
    assert.equal(createCommitQueue(database).follow(() => {}).sequence, 1);
  });

  it("answers storage_full when the database cannot grow, keeps what it has, and goes on when there is room", async () => {
    await queue.commit(() => insert(1));
    const pages = database.pragma("page_count", { simple: true }) as number;
    database.pragma(`max_page_count = ${pages}`);
    const big = "x".repeat(100_000);
    await assert.rejects(
      queue.commit(() => insert(2, big)),
      { code: "storage_full" },
    );
    assert.equal(count(), 1);
    database.pragma(`max_page_count = ${pages + 1000}`);
    await queue.commit(() => insert(2, big));
    assert.equal(count(), 2);
  });
});
