import assert from "node:assert/strict";
import { values } from "../../../support/gradient-check.ts";
import * as g from "../../../training/graph/index.ts";

describe("batch norm", () => {
  const shape = [8, 32, 6, 6];
  const pixels = 8 * 6 * 6;

  /** The normalised image and the statistics, as onnxruntime computes them. `behind` puts the image into blocks. */
  async function normalised(x: Float32Array, behind: boolean) {
    const image = g.input("x", shape);
    const same = g.constant(
      Float32Array.from({ length: 32 * 32 }, (_, i) => (i % 33 === 0 ? 1 : 0)),
      [32, 32, 1, 1],
    );
    const { y, mean, variance } = g.batchNorm(
      behind ? g.conv2d(image, same) : image,
      g.constant(new Float32Array(32).fill(1), [32]),
      g.constant(new Float32Array(32), [32]),
    );
    const graph = await g.compile({ y, mean, variance }, { threads: 1 });
    const results = await graph.run({ x });
    await graph.release();
    return results as Record<"y" | "mean" | "variance", Float32Array>;
  }

  for (const behind of [false, true]) {
    it(`is as exact as its users need where channels lie far from 0, ${behind ? "in blocks" : "in plain layout"}`, async () => {
      // Means up to 31 and values at most 1.1 from them: a variance is the difference of far larger numbers.
      const noise = values(g.sizeOf(shape), 5);
      const channel = (i: number) => Math.floor(i / 36) % 32;
      const x = noise.map((v, i) => v + channel(i));
      const { y, mean, variance } = await normalised(x, behind);
      for (let c = 0; c < 32; c++) {
        const of = [...x.keys()].filter((i) => channel(i) === c);
        const centre = of.reduce((sum, i) => sum + x[i]!, 0) / pixels;
        const spread = of.reduce((sum, i) => sum + (x[i]! - centre) ** 2, 0) / pixels;
        assert.ok(Math.abs(mean[c]! - centre) < 1e-5 * (1 + c), `mean ${mean[c]} for ${centre}`);
        assert.ok(Math.abs((variance[c]! * (pixels - 1)) / pixels - spread) < 1e-3 * spread, `variance of ${c}`);
        for (const i of of) {
          assert.ok(Math.abs(y[i]! - (x[i]! - centre) / Math.sqrt(spread + 1e-5)) < 2e-3, `value ${i}`);
        }
      }
    });
  }

  it("makes a channel of equal values its bias, though rounding may leave a variance below 0", async () => {
    const { y, variance } = await normalised(new Float32Array(g.sizeOf(shape)).fill(0.1), true);
    assert.ok(variance.every((v) => v >= 0 && v < 1e-6));
    assert.ok(y.every((v) => Math.abs(v) < 1e-3));
  });
});
