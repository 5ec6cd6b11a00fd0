import assert from "node:assert/strict";
import { createRandom } from "../../../training/data/random.ts";
import { type Crop, drawCrop } from "../../../training/views/crop.ts";

const COUNT = 20_000;
const SIDE = 1000;

function draw(scale: readonly [number, number], size = { width: SIDE, height: SIDE }): Crop[] {
  const random = createRandom(5);
  return Array.from({ length: COUNT }, () => drawCrop(random, scale, size));
}

const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;
const near = (actual: number, expected: number, within: number) =>
  assert.ok(Math.abs(actual - expected) < within, `${actual} is not ${expected} ± ${within}`);
const areas = (crops: readonly Crop[]) => crops.map(({ width, height }) => (width * height) / SIDE ** 2);

describe("moco/crop, as RandomResizedCrop", () => {
  it("the area is uniform, the aspect ratio uniform in its logarithm, where every draw fits", () => {
    const crops = draw([0.2, 0.7]); // 0.7 · 4/3 < 1
    near(mean(areas(crops)), 0.45, 0.005);
    near(mean(areas(crops).map((a) => (a < 0.3 ? 1 : 0))), 0.2, 0.012);
    const logRatios = crops.map(({ width, height }) => Math.log(width / height));
    near(mean(logRatios), 0, 0.005);
    near(mean(logRatios.map((r) => r * r)), (2 * Math.log(4 / 3)) ** 2 / 12, 0.001);
    assert.ok(logRatios.every((r) => Math.abs(r) < Math.log(4 / 3) + 0.005));
  });

  it("draws that do not fit are drawn again: large areas are rarer", () => {
    // Area a and ratio e^r fit a square where a·e^|r| ≤ 1: always up to a = 3/4, above with probability ln(1/a)/L,
    // L = ln(4/3). Over a in 0.2..1: ∫ = 0.55 + (1/4 − 3/4·L)/L = 0.669014, and ∫ a = 0.26125 + 0.098944 = 0.360194.
    const drawn = areas(draw([0.2, 1]));
    near(mean(drawn), 0.360194 / 0.669014, 0.006);
    near(mean(drawn.map((a) => (a < 0.5 ? 1 : 0))), 0.3 / 0.669014, 0.015);
    assert.ok(Math.max(...drawn) > 0.95 && Math.min(...drawn) > 0.199);
  });

  it("every place is as likely as any other", () => {
    const crops = draw([0.2, 0.7]);
    for (const [start, length] of [
      ["left", "width"],
      ["top", "height"],
    ] as const) {
      const share = crops.map((crop) => (crop[start] + 0.5) / (SIDE - crop[length] + 1));
      near(mean(share), 0.5, 0.01);
      near(mean(share.map((s) => (s < 0.25 ? 1 : 0))), 0.25, 0.013);
    }
  });

  it("where nothing fits, the largest central crop of an allowed ratio", () => {
    for (const crop of draw([1, 1], { width: 300, height: 100 }).slice(0, 20)) {
      assert.deepEqual(crop, { top: 0, left: 83, width: 133, height: 100 });
    }
    assert.deepEqual(draw([1, 1], { width: 100, height: 300 })[0], { top: 83, left: 0, width: 100, height: 133 });
  });
});
