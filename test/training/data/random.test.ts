import assert from "node:assert/strict";
import fc from "fast-check";
import { createRandom, restoreRandom } from "../../../training/data/random.ts";

const draw = (n: number, next: () => number) => Array.from({ length: n }, next);

describe("random", () => {
  it("gives the numbers of xoshiro128** written with big integers", () => {
    const mask = 0xffffffffn;
    const rotate = (x: bigint, k: bigint) => ((x << k) | (x >> (32n - k))) & mask;
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 2 ** 32 - 1 }), { minLength: 4, maxLength: 4 }), (words) => {
        const random = restoreRandom(words as [number, number, number, number]);
        const s = words.map(BigInt) as [bigint, bigint, bigint, bigint];
        for (let i = 0; i < 20; i++) {
          const expected = (rotate((s[1] * 5n) & mask, 7n) * 9n) & mask;
          const t = (s[1] << 9n) & mask;
          s[2] ^= s[0];
          s[3] ^= s[1];
          s[1] ^= s[2];
          s[0] ^= s[3];
          s[2] ^= t;
          s[3] = rotate(s[3], 11n);
          assert.equal(BigInt(random.uint32()), expected);
        }
      }),
    );
  });

  it("gives the first numbers of the reference implementation for the state 1, 2, 3, 4", () => {
    const random = restoreRandom([1, 2, 3, 4]);
    assert.deepEqual(
      draw(10, random.uint32),
      [11520, 0, 5927040, 70819200, 2031721883, 1637235492, 1287239034, 3734860849, 3729100597, 4258142804],
    );
  });

  it("gives the same numbers for a seed, others for another seed or stream", () => {
    const first = draw(8, createRandom(7).uint32);
    assert.deepEqual(draw(8, createRandom(7).uint32), first);
    assert.notDeepEqual(draw(8, createRandom(8).uint32), first);
    assert.notDeepEqual(draw(8, createRandom(7, 1).uint32), first);
  });

  it("continues from a saved state, also through JSON", () => {
    const random = createRandom(3);
    random.normal();
    random.permutation(10);
    const restored = restoreRandom(JSON.parse(JSON.stringify(random.state())));
    assert.deepEqual(draw(20, restored.normal), draw(20, random.normal));
  });

  it("draws uniform numbers and integers in range with the right mean and spread", () => {
    const random = createRandom(1);
    const n = 200_000;
    const numbers = draw(n, () => random.uniform(-2, 4));
    assert.ok(numbers.every((value) => value >= -2 && value < 4));
    const mean = numbers.reduce((sum, value) => sum + value, 0) / n;
    const variance = numbers.reduce((sum, value) => sum + (value - mean) ** 2, 0) / n;
    assert.ok(Math.abs(mean - 1) < 4 * Math.sqrt(3 / n)); // standard error of the mean: √(variance 3 / n)
    assert.ok(Math.abs(variance - 3) < 0.05);
    const counts = new Array<number>(6).fill(0);
    for (let i = 0; i < n; i++) counts[random.integer(6)]!++;
    const chiSquared = counts.reduce((sum, count) => sum + (count - n / 6) ** 2 / (n / 6), 0);
    assert.ok(chiSquared < 20.5, `${chiSquared}`); // 5 degrees of freedom, p = 0.001
  });

  it("draws normal numbers with the right moments", () => {
    const random = createRandom(2);
    const n = 200_000;
    const numbers = draw(n, random.normal);
    const moment = (power: number) => numbers.reduce((sum, value) => sum + value ** power, 0) / n;
    assert.ok(Math.abs(moment(1)) < 0.01);
    assert.ok(Math.abs(moment(2) - 1) < 0.015);
    assert.ok(Math.abs(moment(3)) < 0.04);
    assert.ok(Math.abs(moment(4) - 3) < 0.1);
  });

  it("permutes: every number once, every place as likely", () => {
    const random = createRandom(4);
    const places = Array.from({ length: 5 }, () => new Array<number>(5).fill(0));
    for (let i = 0; i < 20_000; i++) {
      const order = random.permutation(5);
      assert.deepEqual([...order].sort(), [0, 1, 2, 3, 4]);
      order.forEach((value, place) => {
        places[place]![value]!++;
      });
    }
    for (const count of places.flat()) assert.ok(Math.abs(count - 4000) < 300, `${count}`);
    assert.deepEqual([...random.permutation(1)], [0]);
  });

  it("refuses seeds and states that are none", () => {
    for (const seed of [-1, 0.5, 2 ** 32, Number.NaN]) assert.throws(() => createRandom(seed), RangeError);
    assert.throws(() => restoreRandom([0, 0, 0, 0]), RangeError);
    assert.throws(() => restoreRandom([1, 2, 3, -4]), RangeError);
  });
});
