import assert from "node:assert/strict";
import { inverseCholesky } from "../../../training/export/cholesky.ts";

/** B Bᵀ + 0.1, B of numbers that look like chance. */
function covariance(F: number): Float32Array {
  const b = Float64Array.from({ length: F * F }, (_, i) => Math.sin(i * i + 1));
  const of = (i: number, j: number) =>
    Array.from({ length: F }, (_, k) => b[i * F + k]! * b[j * F + k]!).reduce((x, y) => x + y, i === j ? 0.1 : 0);
  return Float32Array.from({ length: F * F }, (_, i) => of(Math.floor(i / F), i % F));
}

describe("inverseCholesky", () => {
  for (const F of [1, 5, 32, 70]) {
    it(`makes what varies by a covariance of ${F} features vary alike`, () => {
      const a = covariance(F);
      const inverse = inverseCholesky(a, F);
      for (let i = 0; i < F; i++) {
        for (let j = 0; j < F; j++) {
          let value = 0;
          for (let k = 0; k < F; k++) {
            for (let l = 0; l < F; l++) value += inverse[i * F + k]! * a[k * F + l]! * inverse[j * F + l]!;
          }
          assert.ok(Math.abs(value - (i === j ? 1 : 0)) < 1e-3, `[${i}, ${j}] ${value}`);
          if (j > i) assert.equal(inverse[i * F + j], 0);
        }
      }
    });
  }

  it("refuses a matrix that is no covariance", () => {
    assert.throws(() => inverseCholesky(Float32Array.of(1, 2, 2, 1), 2), /\[2, 2\] is not positive definite/);
  });
});
