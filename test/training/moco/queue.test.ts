import assert from "node:assert/strict";
import fc from "fast-check";
import { fromHalf, toHalf } from "../../../core/half.ts";
import { createRandom } from "../../../training/data/random.ts";
import { negativeQueue, noiseKeys } from "../../../training/moco/queue.ts";

describe("negativeQueue", () => {
  it("holds the last K keys at the places that the pointer had, for any sizes and any start", () => {
    const sizes = fc.tuple(fc.integer({ min: 1, max: 12 }), fc.array(fc.integer({ min: 0, max: 12 })), fc.nat(11));
    fc.assert(
      fc.property(sizes, ([K, batches, start]) => {
        const dim = 2;
        const queue = negativeQueue(new Float32Array(K * dim).fill(-1), dim, start % K);
        const expected: number[] = new Array(K).fill(-1);
        let key = 0;
        for (const rows of batches.map((size) => Math.min(size, K))) {
          const first = key;
          for (let row = 0; row < rows; row++) expected[((start % K) + key++) % K] = first + row;
          queue.enqueue(Float32Array.from({ length: rows * dim }, (_, i) => first + Math.floor(i / dim)));
        }
        assert.equal(queue.pointer, ((start % K) + key) % K);
        assert.deepEqual(
          [...queue.keys],
          expected.flatMap((value) => [value, value]),
        );
      }),
    );
  });

  it("keeps keys as float16 where it is one of them, rounded", () => {
    const queue = negativeQueue(new Uint16Array(8), 2, 3);
    queue.enqueue(Float32Array.of(1, -0.5, 1 / 3, 2 ** -24));
    assert.deepEqual([...fromHalf(queue.keys as Uint16Array)], [1365 / 4096, 2 ** -24, 0, 0, 0, 0, 1, -0.5]);
  });

  it("refuses more keys than it holds", () => {
    assert.throws(() => negativeQueue(new Float32Array(8), 2).enqueue(new Float32Array(10)), /5 keys .* queue of 4/);
  });
});

describe("noiseKeys", () => {
  it("gives the same keys as float16 where asked, rounded", () => {
    const keys = noiseKeys(9, 5, createRandom(3));
    assert.deepEqual(noiseKeys(9, 5, createRandom(3), "float16"), toHalf(keys));
  });

  it("gives keys of unit norm in every direction", () => {
    const keys = noiseKeys(500, 3, createRandom(1));
    const sum = [0, 0, 0];
    for (let row = 0; row < 500; row++) {
      const key = keys.subarray(row * 3, row * 3 + 3);
      assert.ok(Math.abs(Math.hypot(...key) - 1) < 1e-6);
      key.forEach((value, i) => {
        sum[i]! += value;
      });
    }
    assert.ok(Math.hypot(...sum) / 500 < 0.15, "their mean is near the origin");
  });
});
