// Every index against a naive list of keys and vectors.
import assert from "node:assert/strict";
import fc from "fast-check";
import { dot } from "../../../../core/vector.ts";
import { createExactIndex } from "../../../../server/storage/hnsw/exact.ts";
import { createHnswIndex } from "../../../../server/storage/hnsw/hnsw.ts";
import { unitVectors } from "../../../../support/vectors.ts";

const vectors = unitVectors(8, 4);

for (const [name, create] of Object.entries({ exact: createExactIndex, hnsw: createHnswIndex })) {
  describe(`${name} index`, () => {
    it("agrees with a list after any order of adds and removes, with vectors that occur often", () => {
      const change = fc.record({
        remove: fc.boolean(),
        key: fc.integer({ min: 1, max: 12 }),
        vector: fc.integer({ min: 0, max: vectors.length - 1 }),
      });
      fc.assert(
        fc.property(fc.array(change, { maxLength: 60 }), fc.integer({ min: 1, max: 15 }), (changes, k) => {
          const index = create(4);
          const list = new Map<number, Float32Array>();
          for (const { remove, key, vector } of changes) {
            if (remove) {
              index.remove(key);
              list.delete(key);
            } else {
              index.add(key, vectors[vector]!);
              if (!list.has(key)) list.set(key, vectors[vector]!);
            }
          }
          const query = vectors[0]!;
          const scores = [...list.values()].map((vector) => dot(query, vector)).sort((a, b) => b - a);
          const matches = index.search(query, k);
          assert.equal(index.size().keys, list.size);
          assert.equal(matches.length, Math.min(k, list.size));
          assert.equal(new Set(matches.map(({ key }) => key)).size, matches.length);
          for (const [i, { key, score }] of matches.entries()) {
            assert.ok(Math.abs(score - dot(query, list.get(key)!)) < 1e-6);
            assert.ok(Math.abs(score - scores[i]!) < 1e-6);
          }
        }),
        { numRuns: 200 },
      );
    });

    it("gives no score above 1, where rounding takes a product beyond it", () => {
      const longer = Float32Array.of(1 + 2 ** -23, 0, 0, 0);
      const index = name === "hnsw" ? createHnswIndex(4, { exactUpTo: 0 }) : create(4);
      index.add(1, longer);
      index.add(
        2,
        longer.map((value) => -value),
      );
      assert.deepEqual(index.search(longer, 2), [
        { key: 1, score: 1 },
        { key: 2, score: -1 },
      ]);
    });

    it("refuses a vector of another length", () => {
      assert.throws(() => create(4).add(1, Float32Array.of(1, 0)), /Expected a vector of length 4 but received 2/);
    });
  });
}
