import assert from "node:assert/strict";
import { readFile, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import fc from "fast-check";
import { openGraphFile } from "../../../../server/storage/hnsw/graph-file.ts";
import { createHnswIndex } from "../../../../server/storage/hnsw/hnsw.ts";
import { temporaryFolder } from "../../../../support/temporary-folder.ts";
import { unitVectors } from "../../../../support/vectors.ts";

describe("graph file", () => {
  const vectors = unitVectors(2000, 8);
  let path: string;
  let remove: () => Promise<void>;
  before(async () => {
    const temporary = await temporaryFolder();
    remove = temporary.remove;
    path = join(temporary.folder, "graph");
    const index = createHnswIndex(8);
    for (const [key, vector] of vectors.entries()) index.add(key, vector);
    index.remove(7);
    index.write(path);
  });
  after(() => remove());

  it("has the vectors in the order in which they were added, and which of them are deleted", () => {
    const file = openGraphFile(path);
    assert.deepEqual([file.dimensions, file.links, file.efConstruction], [8, 16, 200]);
    let label = 0;
    for (const { vector, isDeleted } of file.nodes()) {
      assert.deepEqual(vector, vectors[label]);
      assert.equal(isDeleted, label === 7);
      label++;
    }
    file.close();
    assert.equal(label, 2000);
  });

  it("is refused where it is cut off anywhere, and where anything follows it", async () => {
    const whole = await readFile(path);
    const cut = `${path}-cut`;
    for (const length of [0, 95, 96, 5000, whole.length - 1, whole.length - 4]) {
      await writeFile(cut, whole);
      await truncate(cut, length);
      assert.throws(() => openGraphFile(cut), /Expected a whole graph/, `${length} bytes`);
    }
    await writeFile(cut, Buffer.concat([whole, Buffer.of(0)]));
    assert.throws(() => openGraphFile(cut), /Expected a whole graph/);
  });

  it("is refused with an error, whatever the bytes are", async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 400 }), async (bytes) => {
        await writeFile(`${path}-any`, bytes);
        assert.throws(() => openGraphFile(`${path}-any`), Error);
      }),
      { numRuns: 100 },
    );
  });

  it("gives an index that finds what the one that wrote it found, once its vectors are added", () => {
    const restored = createHnswIndex(8, {}, path);
    assert.deepEqual(restored.size(), { keys: 0, tombstones: 2000 });
    for (const [key, vector] of vectors.entries()) if (key !== 7 && key !== 8) restored.add(key, vector);
    assert.deepEqual(restored.size(), { keys: 1998, tombstones: 2 });
    for (const query of unitVectors(20, 8, 3)) {
      const keys = restored.search(query, 10).map(({ key }) => key);
      assert.equal(keys.length, 10);
      assert.ok(!keys.includes(7) && !keys.includes(8));
    }
    restored.add(8, vectors[8]!);
    assert.equal(restored.search(vectors[8]!, 1)[0]!.key, 8);
    assert.ok(restored.inspect(100).recallAt10 > 0.95);
  });
});
