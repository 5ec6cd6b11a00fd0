import assert from "node:assert/strict";
import { join } from "node:path";
import { openDatabase, type SqliteDatabase } from "../../../../server/storage/sqlite/database.ts";
import { createImageRecords } from "../../../../server/storage/sqlite/image-records.ts";
import { createWriteQueue } from "../../../../server/storage/sqlite/write-queue.ts";
import { temporaryFolder } from "../../../../support/temporary-folder.ts";

const image = (n: number, metadata: Record<string, unknown> = {}) =>
  ({ sha256: `sha-${n}`, type: "png", width: 1, height: 1, bytes: 1, metadata }) as const;

describe("write queue", () => {
  let database: SqliteDatabase;
  let remove: () => Promise<void>;
  beforeEach(async () => {
    const temporary = await temporaryFolder();
    remove = temporary.remove;
    database = openDatabase(join(temporary.folder, "test.db"));
  });
  afterEach(async () => {
    database.close();
    await remove();
  });

  it("commits writes that arrive together as one, and tells of them in their order", async () => {
    const write = createWriteQueue(database);
    const images = createImageRecords(database);
    const told: number[] = [];
    const numbers = await Promise.all(
      [1, 2, 3].map((n) =>
        write(
          () => images.add(image(n)).content,
          (content) => told.push(content),
        ),
      ),
    );
    assert.deepEqual(numbers, [1, 2, 3]);
    assert.deepEqual(told, [1, 2, 3]);
    assert.equal(images.countContents(), 3);
  });

  it("refuses only the write that fails", async () => {
    const write = createWriteQueue(database);
    const images = createImageRecords(database);
    const results = await Promise.allSettled([
      write(() => images.add(image(1))),
      write(() => {
        images.add(image(2));
        throw new Error("no");
      }),
      write(() => images.add(image(3))),
    ]);
    assert.deepEqual(
      results.map(({ status }) => status),
      ["fulfilled", "rejected", "fulfilled"],
    );
    assert.equal(images.contentNumber("sha-2"), undefined);
    assert.equal(images.countContents(), 2);
  });

  it("answers storage_full when the database cannot grow, keeps what it has, and goes on when there is room", async () => {
    const write = createWriteQueue(database);
    const images = createImageRecords(database);
    await write(() => images.add(image(1)));
    const pages = database.pragma("page_count", { simple: true }) as number;
    database.pragma(`max_page_count = ${pages}`);
    const big = { text: "x".repeat(100_000) };
    await assert.rejects(
      write(() => images.add(image(2, big))),
      { code: "storage_full" },
    );
    assert.equal(images.countContents(), 1);
    database.pragma(`max_page_count = ${pages + 1000}`);
    await write(() => images.add(image(2, big)));
    assert.equal(images.countContents(), 2);
  });
});
