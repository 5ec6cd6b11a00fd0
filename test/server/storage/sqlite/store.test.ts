import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { sha256 } from "../../../../core/hash.ts";
import { openStore } from "../../../../server/storage/open.ts";
import { temporaryFolder } from "../../../../support/temporary-folder.ts";

const bytes = Buffer.from("bytes of an image");
const image = {
  sha256: sha256(bytes),
  type: "png",
  width: 2,
  height: 3,
  bytes: bytes.length,
  metadata: { a: 1 },
} as const;

describe("store", () => {
  let folder: string;
  let remove: () => Promise<void>;
  beforeEach(async () => {
    ({ folder, remove } = await temporaryFolder());
  });
  afterEach(() => remove());

  it("keeps images, embeddings and files over a restart", async () => {
    const before = await openStore(folder);
    await before.files.put(image.sha256, bytes);
    const vector = Float32Array.of(0.6, 0.8);
    const { record, content } = await before.write(() => {
      const added = before.images.add(image);
      before.embeddings.add(before.embeddings.encoderNumber("key"), { content: added.content, vector });
      return added;
    });
    before.close();
    const after = await openStore(folder);
    assert.deepEqual(after.images.get(record.id), record);
    assert.deepEqual(after.embeddings.after(after.embeddings.encoderNumber("key"), 0, 10), [{ content, vector }]);
    assert.deepEqual(await after.files.read(image.sha256), bytes);
    after.close();
  });

  it("shares content between uploads of the same bytes, names the oldest, and removes it with the last", async () => {
    const store = await openStore(folder);
    const add = () => store.write(() => store.images.add(image));
    const [first, second, third] = [await add(), await add(), await add()];
    assert.equal(first.record.duplicateOf, undefined);
    assert.equal(third.record.duplicateOf, first.record.id);
    assert.equal(second.content, first.content);
    assert.equal(await store.write(() => store.images.remove(first.record.id)), "kept");
    assert.equal(store.images.get(third.record.id)?.duplicateOf, second.record.id);
    await store.write(() => store.images.remove(second.record.id));
    const gone = await store.write(() => store.images.remove(third.record.id));
    assert.deepEqual(gone, { number: first.content, sha256: image.sha256 });
    assert.equal(store.images.countContents(), 0);
    store.close();
  });

  it("never writes an embedding of a content that is gone", async () => {
    const store = await openStore(folder);
    const encoder = await store.write(() => store.embeddings.encoderNumber("key"));
    const written = await store.write(() => store.embeddings.add(encoder, { content: 7, vector: Float32Array.of(1) }));
    assert.equal(written, false);
    store.close();
  });

  it("removes what a crash left: files without a record and temporary files", async () => {
    (await openStore(folder)).close();
    const orphan = join(folder, "files", "ab", `ab${"0".repeat(62)}`);
    await writeFile(orphan, "x");
    await writeFile(`${orphan}.123.tmp`, "x");
    const store = await openStore(folder);
    await assert.rejects(store.files.read(`ab${"0".repeat(62)}`), { code: "ENOENT" });
    store.close();
  });

  it("belongs to one server at a time", async () => {
    const store = await openStore(folder);
    await assert.rejects(openStore(folder), { code: "invalid_configuration", message: /Another server uses/ });
    store.close();
    (await openStore(folder)).close();
  });
});
