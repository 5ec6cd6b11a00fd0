import assert from "node:assert/strict";
import { layOut } from "../../../../server/collection/map/layout.ts";
import { mulberry32 } from "../../../../support/tiny-model.ts";

describe("layOut", () => {
  const D = 16;
  /** `each` vectors around each of three directions. */
  const threeGroups = (each: number) => {
    const random = mulberry32(3);
    return Float32Array.from({ length: 3 * each * D }, (_, i) => {
      const [group, axis] = [Math.floor(i / (each * D)), i % D];
      return (axis === group ? 1 : 0) + 0.05 * (random() - 0.5);
    });
  };

  it("keeps groups together, inside the unit square, the same every time", () => {
    const each = 30;
    const vectors = threeGroups(each);
    const places = layOut(vectors, D);
    assert.deepEqual(layOut(vectors, D), places);
    assert.ok(places.every((value) => value >= -1e-6 && value <= 1 + 1e-6));
    const distance = (a: number, b: number) =>
      Math.hypot(places[2 * a]! - places[2 * b]!, places[2 * a + 1]! - places[2 * b + 1]!);
    for (let a = 0; a < 3 * each; a++) {
      const others = Array.from({ length: 3 * each }, (_, b) => b).filter((b) => b !== a);
      const nearest = others.reduce((best, b) => (distance(a, b) < distance(a, best) ? b : best));
      assert.equal(Math.floor(nearest / each), Math.floor(a / each));
    }
  });

  for (const count of [0, 1, 4, 5, 16]) {
    it(`lays out ${count}`, () => {
      const places = layOut(threeGroups(16).slice(0, count * D), D);
      assert.equal(places.length, 2 * count);
      assert.ok(places.every(Number.isFinite));
    });
  }

  it("lays out vectors that are all the same", () => {
    assert.ok(layOut(new Float32Array(40 * D).fill(0.25), D).every(Number.isFinite));
  });
});
