import assert from "node:assert/strict";
import fc from "fast-check";
import { centred, dot, largest, mean, nearest, norm, normalised } from "../../core/vector.ts";

const vectors = (d: number, options: { minLength?: number; maxLength?: number } = {}) =>
  // Small whole numbers: sums are exact, and equal scores are common.
  fc.array(fc.array(fc.integer({ min: -3, max: 3 }), { minLength: d, maxLength: d }), options);

describe("nearest", () => {
  it("agrees with sorting by score, the lower index first among equals", () => {
    fc.assert(
      fc.property(
        vectors(3, { minLength: 1, maxLength: 40 }),
        vectors(3, { minLength: 1, maxLength: 1 }),
        fc.nat(50),
        (rows, [query], k) => {
          const scores = rows.map((row) => row.reduce((sum, value, i) => sum + value * query![i]!, 0));
          const expected = scores
            .map((score, index) => ({ index, score }))
            .sort((a, b) => b.score - a.score || a.index - b.index)
            .slice(0, k);
          const actual = nearest(Float32Array.from(query!), Float32Array.from(rows.flat()), k);
          assert.deepEqual(
            actual.map(({ index, score }) => ({ index, score: score + 0 })),
            expected.map(({ index, score }) => ({ index, score: score + 0 })),
          );
        },
      ),
    );
  });

  it("finds nothing in nothing", () => {
    assert.deepEqual(nearest(Float32Array.of(1, 2), new Float32Array(0), 5), []);
  });
});

describe("largest", () => {
  it("keeps the best k, best first", () => {
    assert.deepEqual(largest(Float32Array.of(1, 5, 3, 5, 4), 3), [
      { index: 1, score: 5 },
      { index: 3, score: 5 },
      { index: 4, score: 4 },
    ]);
    assert.deepEqual(largest(Float32Array.of(1, 2), 0), []);
  });
});

describe("mean", () => {
  it("is arithmetic, of lists and typed arrays", () => {
    assert.equal(mean([1, 2, 6]), 3);
    assert.equal(mean(Float32Array.of(0.5, 1.5)), 1);
    assert.ok(Number.isNaN(mean([])));
  });
});

describe("centred", () => {
  it("has mean 0 and norm 1, whatever the offset and scale, and is zero for equal values", () => {
    const expected = [-Math.SQRT1_2, 0, Math.SQRT1_2];
    for (const values of [
      [1, 2, 3],
      [10, 30, 50],
    ]) {
      const found = centred(Float32Array.from(values));
      assert.ok(
        expected.every((value, i) => Math.abs(value - found[i]!) < 1e-6),
        `${found}`,
      );
    }
    assert.deepEqual([...centred(Float32Array.of(7, 7))], [0, 0]);
  });
});

describe("norms", () => {
  it("are Euclidean", () => {
    assert.equal(dot(Float32Array.of(1, 2, 3), Float32Array.of(4, 5, 6)), 32);
    assert.equal(norm(Float32Array.of(3, 4)), 5);
  });

  it("become 1, but for the zero vector, and the vector itself is kept", () => {
    const vector = Float32Array.of(3, 4);
    assert.deepEqual(normalised(vector), Float32Array.of(0.6, 0.8));
    assert.deepEqual(vector, Float32Array.of(3, 4));
    assert.deepEqual(normalised(new Float32Array(2)), new Float32Array(2));
  });
});
