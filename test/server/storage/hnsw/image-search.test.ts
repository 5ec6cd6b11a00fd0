import assert from "node:assert/strict";
import { searchImages } from "../../../../server/storage/hnsw/image-search.ts";
import type { IndexThread } from "../../../../server/storage/hnsw/thread.ts";
import type { Catalogue } from "../../../../server/storage/ports.ts";
import { createMemoryStorage } from "../../../../support/memory-storage/index.ts";

const QUERY = Float32Array.of(1, 0);
const wanted = { limit: 4, minScore: -1, leftOut: new Set<string>() };
const found = (keys: readonly number[], scores: readonly number[]) => ({ keys, scores });

describe("search for images", () => {
  let catalogue: Catalogue;
  let contents: number[];
  let ids: string[];
  beforeEach(async () => {
    ({ catalogue } = createMemoryStorage());
    contents = [];
    ids = [];
    for (let place = 0; place < 4; place++) {
      const image = { type: "png", width: 1, height: 1, bytes: 1, sha256: `${place}`, metadata: { place } } as const;
      const added = await catalogue.images.add(image, new Map());
      assert.ok("image" in added);
      contents.push(added.content);
      ids.push(added.image.id);
    }
  });

  /** An index whose graph leads to the first three contents alone. */
  const index: Pick<IndexThread, "search" | "searchAmong"> = {
    search: async (_, k) => found(contents.slice(0, 3), [0.9, 0.5, 0.25].slice(0, k)),
    searchAmong: async (_, keys) => found([...keys], Array(keys.length).fill(0.75)),
  };

  it("finds the content that was searched with in its place, where its graph node cannot be reached", async () => {
    const matches = await searchImages(QUERY, { ...wanted, own: contents[3] }, { index, catalogue });
    assert.deepEqual(
      matches.map(({ metadata, score }) => [metadata.place, score]),
      [
        [0, 0.9],
        [3, 0.75],
        [1, 0.5],
        [2, 0.25],
      ],
    );
    const without = await searchImages(QUERY, wanted, { index, catalogue });
    assert.deepEqual(
      without.map(({ id }) => id),
      ids.slice(0, 3),
    );
  });

  it("asks again where an image was deleted meanwhile, so that the next nearest takes its place", async () => {
    let searches = 0;
    const racing = {
      ...index,
      search: async () => {
        if (++searches > 1) return found(contents.slice(1, 3), [0.5, 0.25]);
        await catalogue.images.remove(ids[0]!);
        return found(contents.slice(0, 2), [0.9, 0.5]);
      },
    };
    const matches = await searchImages(QUERY, { ...wanted, limit: 2 }, { index: racing, catalogue });
    assert.deepEqual(
      matches.map(({ id }) => id),
      ids.slice(1, 3),
    );
    assert.equal(searches, 2);
  });

  it("compares every content that a filter fits, where the nearest leave too few", async () => {
    const asked: number[][] = [];
    const reaching = {
      search: async (_: Float32Array, k: number) => found(Array(k).fill(contents[0]), Array(k).fill(0.9)),
      searchAmong: async (_: Float32Array, keys: Float64Array) => {
        asked.push([...keys]);
        return found([...keys], [0.1, 0.05]);
      },
    };
    const filter = { field: "place", gte: 2 };
    const matches = await searchImages(QUERY, { ...wanted, filter }, { index: reaching, catalogue });
    assert.deepEqual(asked, [contents.slice(2)]);
    assert.deepEqual(
      matches.map(({ id }) => id),
      ids.slice(2),
    );
  });
});
