import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { openUploadSpace, type UploadSpace } from "../../../server/http/upload-space.ts";
import { temporaryFolder } from "../../../support/temporary-folder.ts";

const MB = 1024 * 1024;

describe("the space of uploads", () => {
  let space: UploadSpace;
  let folder: string;
  let remove: () => Promise<void>;
  before(async () => {
    ({ folder, remove } = await temporaryFolder());
    await writeFile(join(folder, `${"a".repeat(24)}.part`), "left by a crash");
    await writeFile(join(folder, "notes.part"), "somebody's");
    space = await openUploadSpace(folder, { maxOnDisk: 64 * MB });
  });
  after(() => remove());

  const receive = (bytes: Buffer) => space.receive(Readable.from(chunksOf(bytes), { objectMode: false }), () => {});
  function* chunksOf(bytes: Buffer) {
    for (let at = 0; at < bytes.length; at += 65_536) yield bytes.subarray(at, at + 65_536);
  }

  it("removes only what a crash of its own left", async () => {
    assert.deepEqual(await readdir(folder), ["notes.part"]);
  });

  it("gives back the bytes of small and of large files, and leaves nothing", async () => {
    for (const size of [0, 1000, 256 * 1024, 256 * 1024 + 1, 5 * MB]) {
      const bytes = randomBytes(size);
      const file = await receive(bytes);
      for (let i = 0; i < 2; i++) await file.use(async (back) => assert.ok(back.equals(bytes), `${size} bytes`));
      file.discard();
    }
    assert.deepEqual(await readdir(folder), ["notes.part"]);
  });

  it("keeps large files out of memory", async () => {
    const bytes = randomBytes(MB);
    const before = process.memoryUsage().arrayBuffers;
    const files = await Promise.all(Array.from({ length: 60 }, () => receive(bytes)));
    const grown = (process.memoryUsage().arrayBuffers - before) / MB;
    assert.ok(grown < 30, `memory grew by ${grown} MB`);
    for (const file of files) file.discard();
  });

  it("refuses what is too much for the disk, and takes uploads again when there is room", async () => {
    const half = await receive(Buffer.alloc(40 * MB));
    await assert.rejects(receive(Buffer.alloc(30 * MB)), { code: "overloaded" });
    half.discard();
    half.discard();
    (await receive(Buffer.alloc(60 * MB))).discard();
  });

  it("puts small files on disk too where memory is taken", async () => {
    const other = space.hold();
    other.set(64 * MB);
    assert.throws(() => space.hold().set(1), { code: "overloaded" });
    const bytes = randomBytes(1000);
    const file = await receive(bytes);
    await file.use(async (back) => assert.ok(back.equals(bytes)));
    file.discard();
    other.release();
    space.hold().set(1);
  });

  it("works on as many large files at a time as there is room for", async () => {
    const files = await Promise.all(Array.from({ length: 6 }, () => receive(Buffer.alloc(10 * MB))));
    const large = await openUploadSpace(folder, { maxOnDisk: 1024 * MB });
    const larger = await Promise.all(
      Array.from({ length: 5 }, () => large.receive(Readable.from([Buffer.alloc(50 * MB)]), () => {})),
    );
    let now = 0;
    let most = 0;
    let letGo = () => {};
    const gone = new Promise<void>((resolve) => (letGo = resolve));
    const use = (file: (typeof files)[number]) =>
      file.use(async () => {
        most = Math.max(most, ++now);
        await gone;
        now--;
      });
    const uses = larger.map(use);
    for (const file of larger) file.discard(); // once they are used
    while (now < 2) await sleep(5);
    await sleep(100); // a third would have begun by then
    letGo();
    await Promise.all(uses);
    assert.equal(most, 2);
    await assert.rejects(use(larger[0]!));
    for (const file of files) file.discard();
  });
});
