import assert from "node:assert/strict";
import { createRandom } from "../../../training/data/random.ts";
import { fitWhitening } from "../../../training/export/whitening.ts";
import type { Whitening } from "../../../training/network/encoder.ts";

const N = 4000;
const DEVIATIONS = [4, 2, 1, 0.5];

/** Samples around a mean whose first two axes are turned by 30 degrees. */
function samples(): Float32Array {
  const random = createRandom(1);
  const out = new Float32Array(N * 4);
  const [c, s] = [Math.cos(Math.PI / 6), Math.sin(Math.PI / 6)];
  for (let n = 0; n < N; n++) {
    const [a, b, ...rest] = DEVIATIONS.map((deviation) => random.normal() * deviation) as [
      number,
      number,
      number,
      number,
    ];
    out.set([c * a - s * b + 7, s * a + c * b - 3, ...rest], n * 4);
  }
  return out;
}

/** y = (x − mean) · matrix. */
function apply(x: Float32Array, F: number, { mean, matrix, dimensions }: Whitening): number[][] {
  return Array.from({ length: x.length / F }, (_, n) =>
    Array.from({ length: dimensions }, (_, d) => {
      let sum = 0;
      for (let f = 0; f < F; f++) sum += (x[n * F + f]! - mean[f]!) * matrix[f * dimensions + d]!;
      return sum;
    }),
  );
}

const covariance = (rows: readonly number[][], i: number, j: number) =>
  rows.reduce((sum, row) => sum + row[i]! * row[j]!, 0) / rows.length;

describe("fitWhitening", () => {
  const x = samples();
  const whitened = async (dimensions: number, strength: number) =>
    apply(x, 4, await fitWhitening(x, 4, { dimensions, strength }));

  it("gives every direction the same variance and no correlation at full strength", async () => {
    const y = await whitened(4, 1);
    const scale = covariance(y, 0, 0);
    for (let i = 0; i < 4; i++) {
      for (let j = 0; j < 4; j++) {
        assert.ok(Math.abs(covariance(y, i, j) / scale - (i === j ? 1 : 0)) < 1e-3, `${i}, ${j}`);
      }
    }
  });

  it("only turns at strength 0, and takes the root of the deviations at ½", async () => {
    const deviations = async (strength: number) => {
      const y = await whitened(4, strength);
      return [0, 1, 2, 3].map((i) => Math.sqrt(covariance(y, i, i)));
    };
    const [turned, half] = [await deviations(0), await deviations(0.5)];
    for (const [i, deviation] of DEVIATIONS.entries()) {
      assert.ok(Math.abs(turned[i]! / deviation - 1) < 0.05);
      assert.ok(Math.abs(half[i]! / half[0]! / Math.sqrt(turned[i]! / turned[0]!) - 1) < 1e-3);
    }
  });

  it("keeps the directions of the largest variance, never more than there are or than samples tell", async () => {
    const kept = await whitened(2, 0);
    assert.equal(kept[0]!.length, 2);
    assert.ok(Math.abs(Math.sqrt(covariance(kept, 0, 0)) / 4 - 1) < 0.05);
    assert.equal((await fitWhitening(x, 4, { dimensions: 9, strength: 1 })).dimensions, 4);
    assert.equal((await fitWhitening(x.slice(0, 12), 4, { dimensions: 4, strength: 1 })).dimensions, 2);
  });

  it("does not blow up directions that do not vary", async () => {
    const flat = x.map((v, i) => (i % 4 === 3 ? 5 : v));
    const { matrix } = await fitWhitening(flat, 4, { dimensions: 4, strength: 1 });
    assert.ok(matrix.every((v) => Math.abs(v) < 100));
    const same = await fitWhitening(new Float32Array(40).fill(2), 4, { dimensions: 4, strength: 1 });
    assert.ok(same.matrix.every(Number.isFinite));
  });

  it("finds the largest directions of many features", async () => {
    const F = 64;
    const random = createRandom(3);
    const deviation = (f: number) => 1 / (1 + f);
    const wide = Float32Array.from({ length: 500 * F }, (_, i) => random.normal() * deviation(i % F));
    const { matrix, dimensions } = await fitWhitening(wide, F, { dimensions: 8, strength: 0 });
    const kept = apply(wide, F, { mean: new Float32Array(F), matrix, dimensions });
    for (let d = 0; d < 8; d++) {
      assert.ok(Math.abs(Math.sqrt(covariance(kept, d, d)) / deviation(d) - 1) < 0.15, String(d));
      for (let other = 0; other < d; other++) {
        const along = covariance(kept, d, other) / Math.sqrt(covariance(kept, d, d) * covariance(kept, other, other));
        assert.ok(Math.abs(along) < 0.02, `${d}, ${other}: ${along}`);
      }
    }
  });
});
