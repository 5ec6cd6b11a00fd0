import assert from "node:assert/strict";
import { createRandom } from "../../../training/data/random.ts";
import { cut, drawCrops } from "../../../training/transfer/crops.ts";
import type { Scene } from "../../../training/transfer/scenes.ts";

/** Grey rises by 10 a column; the label of a pixel is its column. */
const scene: Scene = {
  name: "ramp",
  width: 6,
  height: 4,
  pixels: Uint8Array.from({ length: 6 * 4 * 3 }, (_, i) => 10 * (Math.floor(i / 3) % 6)),
  labels: Int16Array.from({ length: 6 * 4 }, (_, i) => i % 6),
};

function cutRow(part: Partial<Parameters<typeof cut>[1]>) {
  const all = { top: 0, left: 0, height: 1, width: 6, ...part };
  const pixels = new Uint8Array(all.height * all.width * 3);
  const labels = new Float32Array(all.height * all.width);
  cut(scene, all, pixels, labels);
  const row = Array.from({ length: all.width }, (_, i) => pixels[3 * i]);
  return { pixels: row, labels: [...labels.slice(0, all.width)] };
}

describe("cuts of a scene", () => {
  it("of its own size are the scene", () =>
    assert.deepEqual(cutRow({}), { pixels: [0, 10, 20, 30, 40, 50], labels: [0, 1, 2, 3, 4, 5] }));

  it("go on with its outermost pixels, without labels", () =>
    assert.deepEqual(cutRow({ left: -2, width: 10 }), {
      pixels: [0, 0, 0, 10, 20, 30, 40, 50, 50, 50],
      labels: [-1, -1, 0, 1, 2, 3, 4, 5, -1, -1],
    }));

  it("are mirrored, pixels and labels alike", () =>
    assert.deepEqual(cutRow({ left: 1, width: 3, mirrored: true }), { pixels: [30, 20, 10], labels: [3, 2, 1] }));

  it("are scaled: pixels between centres, labels of the nearest", () => {
    assert.deepEqual(cutRow({ left: 1, width: 4, scale: 2 }), { pixels: [8, 13, 18, 23], labels: [1, 1, 2, 2] });
    assert.deepEqual(cutRow({ width: 3, scale: 0.5 }), { pixels: [5, 25, 45], labels: [1, 3, 5] });
  });

  it("drawn at random lie inside where they can, and follow from the random numbers", () => {
    const draw = () => drawCrops([scene, scene], 2, createRandom(1));
    const { images, labels } = draw();
    assert.deepEqual([images.length, labels.length], [2 * 2 * 2 * 3, 2 * 2 * 2]);
    assert.ok(labels.every((label) => label >= 0));
    assert.deepEqual(draw(), { images, labels });
  });

  it("larger than the scene have all of it inside", () => {
    for (let seed = 0; seed < 20; seed++) {
      const { labels } = drawCrops([scene], 16, createRandom(seed));
      const found = new Set(labels);
      assert.ok(found.has(0) || found.has(1), `seed ${seed}: the left edge is missing`); // at scale 0.5 one of two
      assert.ok(found.has(4) || found.has(5), `seed ${seed}: the right edge is missing`);
    }
  });
});
