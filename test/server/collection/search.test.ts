import assert from "node:assert/strict";
import { sha256 } from "../../../core/hash.ts";
import { search } from "../../../server/collection/search.ts";
import type { Generation } from "../../../server/generation/generation.ts";
import { openStore, type Store } from "../../../server/storage/open.ts";
import { png } from "../../../support/pictures.ts";
import { temporaryFolder } from "../../../support/temporary-folder.ts";

describe("search by an image whose graph node cannot be reached", () => {
  let store: Store;
  let remove: () => Promise<void>;
  before(async () => {
    const folder = await temporaryFolder();
    remove = folder.remove;
    store = await openStore(folder.folder);
  });
  after(async () => {
    store.close();
    await remove();
  });

  it("finds the stored image of the same bytes all the same, in its place", async () => {
    const contents = await store.write(() =>
      Array.from({ length: 3 }, (_, i) => {
        const image = { type: "png" as const, width: 1, height: 1, bytes: 1, metadata: { i } };
        return store.images.add({ ...image, sha256: `${i}` }).content;
      }),
    );
    const query = await png(1);
    const own = await store.write(
      () =>
        store.images.add({ type: "png", width: 1, height: 1, bytes: 1, metadata: { i: "own" }, sha256: sha256(query) })
          .content,
    );
    const found = (keys: number[], scores: number[]) => ({
      keys: Float64Array.from(keys),
      scores: Float32Array.from(scores),
    });
    const generation = {
      embed: async () => Float32Array.of(1, 0),
      index: {
        search: async () => found(contents, [0.9, 0.5, 0.25]),
        searchAmong: async (_: unknown, keys: Float64Array) =>
          found(
            [...keys].filter((key) => key === own),
            [0.75],
          ),
      },
    };
    const deps = { generation: generation as unknown as Generation, store };
    const { matches, hasMore } = await search({ image: query }, { k: 3 }, deps);
    assert.deepEqual(
      matches.map(({ metadata, score }) => [metadata.i, score]),
      [
        [0, Math.fround(0.9)],
        ["own", 0.75],
        [1, 0.5],
      ],
    );
    assert.equal(hasMore, true);
    const other = await search({ image: await png(2) }, { k: 3 }, deps);
    assert.deepEqual(
      other.matches.map(({ metadata }) => metadata.i),
      [0, 1, 2],
    );
  });
});
