import assert from "node:assert/strict";
import { alignment, effectiveRank, spread, uniformity } from "../../../training/evaluate/embedding-health.ts";
import { randomEmbeddings, unitRows } from "./fixtures.ts";

const close = (actual: number, expected: number, tolerance = 1e-6) =>
  assert.ok(Math.abs(actual - expected) < tolerance, `${actual}, expected ${expected}`);

const axes = (dimensions: number) =>
  Array.from({ length: dimensions }, (_, i) => Array.from({ length: dimensions }, (_, j) => (i === j ? 1 : 0)));
const opposite = (rows: number[][]) => rows.map((row) => row.map((value) => -value));
const same = unitRows(Array.from({ length: 50 }, () => [1, 2, 3, 4]));

describe("spread", () => {
  it("is 1 for vectors that fill every direction alike and 0 for equal ones", () => {
    close(spread(unitRows([...axes(8), ...opposite(axes(8))]), 8), 1);
    close(spread(same, 4), 0);
  });

  it("is what is computed by hand", () => {
    // [1, 0] and [0, 1]: standard deviation 1/2 in both dimensions, times √2
    close(spread(unitRows(axes(2)), 2), Math.SQRT2 / 2);
  });
});

describe("effectiveRank", () => {
  it("is D for orthogonal directions, the dimension of a subspace, and 1 for equal embeddings", () => {
    close(effectiveRank(unitRows(axes(6)), 6), 6);
    close(effectiveRank(unitRows([...axes(6), ...opposite(axes(6))]), 6), 6);
    close(effectiveRank(unitRows(axes(6).slice(0, 3)), 6), 3);
    close(effectiveRank(same, 4), 1, 1e-3);
  });

  it("is exp of the entropy of the singular values", () => {
    // Nine times e₁ and once e₂: singular values 3 and 1, shares 3/4 and 1/4.
    const rows = [...Array.from({ length: 9 }, () => [1, 0, 0]), [0, 1, 0]];
    close(effectiveRank(unitRows(rows), 3), Math.exp(-(0.75 * Math.log(0.75) + 0.25 * Math.log(0.25))));
  });

  it("is the same from the small and from the large side", () => {
    const { embeddings } = randomEmbeddings(1, 20, 20, 1);
    const wide = new Float32Array(20 * 60);
    for (let i = 0; i < 20; i++) wide.set(embeddings.subarray(i * 20, (i + 1) * 20), i * 60);
    close(effectiveRank(wide, 60), effectiveRank(embeddings, 20), 1e-3);
  });

  it("is not a number where an embedding is not", () => {
    assert.ok(Number.isNaN(effectiveRank(Float32Array.of(Number.NaN, 0, 1, 0), 2)));
  });
});

describe("alignment", () => {
  it("is the mean squared distance of pairs", () => {
    const a = unitRows([
      [1, 0],
      [1, 0],
      [1, 0],
    ]);
    const b = unitRows([
      [1, 0],
      [0, 1],
      [-1, 0],
    ]);
    close(alignment(a, b, 2), (0 + 2 + 4) / 3);
    assert.throws(() => alignment(a, b.subarray(2), 2), RangeError);
  });
});

describe("uniformity", () => {
  it("is the logarithm of the mean Gaussian potential of pairs", () => {
    const rows = unitRows([
      [1, 0],
      [0, 1],
      [-1, 0],
    ]);
    close(uniformity(rows, 2), Math.log((2 * Math.exp(-2 * 2) + Math.exp(-2 * 4)) / 3));
    close(uniformity(same, 4), 0);
  });

  it("is near −4 for random vectors of many dimensions", () => {
    close(uniformity(randomEmbeddings(1, 300, 256, 1).embeddings, 256), -4, 0.1);
  });
});

describe("measures", () => {
  it("refuse what is not at least two rows", () => {
    for (const embeddings of [new Float32Array(0), new Float32Array(4), new Float32Array(9)]) {
      for (const measure of [spread, effectiveRank, uniformity])
        assert.throws(() => measure(embeddings, 4), RangeError);
    }
  });
});
