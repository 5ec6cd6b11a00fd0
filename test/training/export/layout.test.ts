import assert from "node:assert/strict";
import { createRandom } from "../../../training/data/random.ts";
import { layoutFor, sharedLayout } from "../../../training/export/layout.ts";

describe("layout of a collection", () => {
  const SIDE = 20;

  /** Pictures of these pixels: `value` of a place and a picture, the same in all channels. */
  function pictures(count: number, value: (x: number, y: number, picture: number) => number) {
    const records = Array.from({ length: count }, (_, picture) =>
      Uint8Array.from({ length: SIDE * SIDE * 3 }, (_, i) => {
        const place = Math.floor(i / 3);
        return value(place % SIDE, Math.floor(place / SIDE), picture);
      }),
    );
    const read = async (indices: ArrayLike<number>, out: Uint8Array) => out.set(records[indices[0]!]!);
    return [{ width: SIDE, height: SIDE, read }, Uint32Array.from({ length: count }, (_, i) => i)] as const;
  }

  it("is all shared where pictures differ in brightness alone", async () => {
    const shared = await sharedLayout(...pictures(10, (x, _, picture) => 10 * picture + (x < SIDE / 2 ? 0 : 100)));
    assert.ok(Math.abs(shared - 1) < 1e-9, `${shared}`);
  });

  it("is not shared where each is laid out in its own way, however few there are", async () => {
    const random = createRandom(1);
    const shared = async (count: number) => {
      const bright = Array.from({ length: count * 4 }, () => random.uniform(0, 255));
      const quarter = (x: number, y: number) => (y < SIDE / 2 ? 0 : 2) + (x < SIDE / 2 ? 0 : 1);
      return await sharedLayout(...pictures(count, (x, y, picture) => bright[4 * picture + quarter(x, y)]!));
    };
    for (const count of [1, 200]) assert.ok((await shared(count)) < 0.02, `${count}`);
    let sum = 0;
    for (let i = 0; i < 50; i++) sum += await shared(4);
    assert.ok(sum / 50 < 0.15, `${sum / 50}`); // of four alike in nothing the mean has a quarter
  });

  it("counts twice as much where it is shared", async () => {
    const sky = pictures(50, (x, y, picture) => (y < SIDE / 2 ? 200 : 60) + ((7 * x + 13 * picture) % 40));
    const plain = pictures(50, () => 128);
    assert.deepEqual([await layoutFor(...sky), await layoutFor(...plain)], [0.8, 0.4]);
  });
});
