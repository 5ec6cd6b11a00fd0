import assert from "node:assert/strict";
import { checkGradient, values } from "../../../support/gradient-check.ts";
import * as g from "../../../training/graph/index.ts";

const SHAPE = [2, 3, 4, 5] as const;
/** Inside, on a centre, in the corners and between the outermost centres and the edge. */
const POINTS = [
  [0.31, 0.42],
  [0.1, 0.125],
  [0, 0],
  [1, 1],
  [0.97, 0.5],
  [0.52, 0.03],
] as const;
const twice = () => g.constant(Float32Array.from([...POINTS.flat(), ...POINTS.toReversed().flat()]), [2, 6, 2]);

/** Bilinear interpolation written out for one map [H, W]. */
function interpolated(map: Float32Array, [h, w]: readonly [number, number], x: number, y: number): number {
  const place = (share: number, size: number) => Math.min(Math.max(share * size - 0.5, 0), size - 1);
  const [across, down] = [place(x, w), place(y, h)];
  let sum = 0;
  for (let i = 0; i < h; i++) {
    for (let j = 0; j < w; j++) {
      sum += map[i * w + j]! * Math.max(0, 1 - Math.abs(down - i)) * Math.max(0, 1 - Math.abs(across - j));
    }
  }
  return sum;
}

async function run(outputs: Record<string, g.Tensor>, feeds: g.Values = {}) {
  const graph = await g.compile(outputs, { threads: 1 });
  const results = await graph.run(feeds);
  await graph.release();
  return results;
}

const near = (found: ArrayLike<number | bigint>, expected: readonly number[]) => {
  assert.equal(found.length, expected.length);
  expected.forEach((value, i) => {
    assert.ok(Math.abs(Number(found[i]) - value) < 1e-5, `at ${i}: expected ${value} but received ${found[i]}`);
  });
};

describe("points of a map", () => {
  it("bilinear values agree with the formula", async () => {
    const map = values(2 * 3 * 4 * 5, 7);
    const { y } = await run({ y: g.samplePoints(g.input("x", SHAPE), twice()) }, { x: map });
    const expected: number[] = [];
    for (let n = 0; n < 2; n++) {
      for (let c = 0; c < 3; c++) {
        const own = map.subarray((n * 3 + c) * 20, (n * 3 + c + 1) * 20);
        for (const [x, y] of n === 0 ? POINTS : POINTS.toReversed()) expected.push(interpolated(own, [4, 5], x, y));
      }
    }
    near(y as Float32Array, expected);
  });

  it("the gradient of bilinear values", () => checkGradient([SHAPE], (x) => g.samplePoints(x, twice()), { step: 0.2 }));

  it("the gradient also through what comes after", () =>
    checkGradient([SHAPE], (x) => g.exp(g.samplePoints(g.mul(x, x), twice()))));

  it("nearest takes the pixel that a point lies in", async () => {
    const map = Float32Array.from({ length: 20 }, (_, i) => i);
    const points = g.constant(Float32Array.of(0.01, 0.01, 0.39, 0.26, 0.41, 0.24, 0.99, 0.99), [1, 4, 2]);
    const { y } = await run({ y: g.samplePoints(g.input("x", [1, 1, 4, 5]), points, "nearest") }, { x: map });
    near(y as Float32Array, [0, 6, 2, 19]);
  });

  it("points of another batch are refused", () =>
    assert.throws(() => g.samplePoints(g.input("x", [1, 1, 4, 5]), twice()), /do not fit a map of \[1,1,4,5\]/));

  it("the largest are found, gathered and written back", async () => {
    const x = g.constant(Float32Array.of(3, 9, 1, 7, 2, 8, 6, 4), [2, 4]);
    const { values: largest, indices } = g.topK(x, 2, 1);
    const rows = g.constant(
      Float32Array.from({ length: 16 }, (_, i) => i),
      [2, 4, 2],
    );
    const zeros = g.constant(new Float32Array(8), [2, 1, 4]);
    const scattered = g.scatterPoints(zeros, indices, g.reshape(largest, [2, 1, 2]));
    const out = await run({ largest, indices, gathered: g.gatherPoints(rows, indices), scattered });
    near(out.largest as Float32Array, [9, 7, 8, 6]);
    near(out.indices as BigInt64Array, [1, 3, 1, 2]);
    near(out.gathered as Float32Array, [2, 3, 6, 7, 10, 11, 12, 13]);
    near(out.scattered as Float32Array, [0, 9, 0, 7, 0, 8, 6, 0]);
  });
});

describe("upsample", () => {
  it("interpolates between centres and goes on at the edges", async () => {
    const { y } = await run({ y: g.upsample(g.input("x", [1, 1, 1, 2]), 2) }, { x: Float32Array.of(1, 5) });
    near(y as Float32Array, [1, 2, 4, 5, 1, 2, 4, 5]);
  });

  it("agrees with bilinear values at the centres of the larger map", async () => {
    const map = values(12, 3);
    const { y } = await run({ y: g.upsample(g.input("x", [1, 1, 3, 4]), 8) }, { x: map });
    const places = Array.from({ length: 24 * 32 }, (_, i) => [((i % 32) + 0.5) / 32, (Math.floor(i / 32) + 0.5) / 24]);
    near(
      y as Float32Array,
      places.map(([across, down]) => interpolated(map, [3, 4], across!, down!)),
    );
  });

  for (const factor of [1, 2, 4]) {
    it(`the gradient, ${factor} times`, () =>
      checkGradient([[2, 3, 3, 2]], (x) => g.upsample(x, factor), { step: 0.2 }));
  }

  it("refuses a factor that is not whole", () =>
    assert.throws(() => g.upsample(g.input("x", [1, 1, 2, 2]), 1.5), /whole factor .* but received 1.5/));
});

describe("argMax", () => {
  it("finds the place of the largest along an axis", async () => {
    const x = g.constant(Float32Array.of(1, 9, 3, 4, 2, 8), [1, 3, 2]);
    near((await run({ y: g.argMax(x, 1) })).y as BigInt64Array, [1, 0]); // columns 1 3 2 and 9 4 8;
  });
});
