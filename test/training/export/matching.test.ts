import assert from "node:assert/strict";
import { createRandom } from "../../../training/data/random.ts";
import { matchingCovariance } from "../../../training/export/matching.ts";
import { fitWhitening, whiten } from "../../../training/export/whitening.ts";

const F = 4;
const N = 400;

/** Images of two kinds: feature 0 says which, 1 is most of what varies and says nothing, 2 and 3 are noise. */
function collection({ viewsChange }: { viewsChange: number }) {
  const random = createRandom(1);
  const kinds = Array.from({ length: N }, (_, n) => n % 2);
  const whole = new Float32Array(N * F);
  const views = new Float32Array(N * F);
  for (const [n, kind] of kinds.entries()) {
    whole.set([kind - 0.5, 3 * random.normal(), 0.1 * random.normal(), 0.1 * random.normal()], n * F);
    const changes = [0.02, viewsChange, 0.02, 0.02].map((size) => size * random.normal());
    for (let f = 0; f < F; f++) views[n * F + f] = whole[n * F + f]! + changes[f]!;
  }
  return { kinds, whole, views };
}

/** Share of images whose nearest is of their kind. */
function agreement(rows: Float32Array, kinds: readonly number[]): number {
  const D = rows.length / N;
  const similarity = (i: number, j: number) =>
    Array.from({ length: D }, (_, d) => rows[i * D + d]! * rows[j * D + d]!).reduce((a, b) => a + b);
  const others = (i: number) => kinds.map((_, j) => j).filter((j) => j !== i);
  const nearest = kinds.map((_, i) => others(i).reduce((a, b) => (similarity(i, b) > similarity(i, a) ? b : a)));
  return nearest.filter((j, i) => kinds[j] === kinds[i]).length / N;
}

describe("matchingCovariance", () => {
  it("has what views change, and images that are alike", async () => {
    const { whole, views } = collection({ viewsChange: 3 });
    const covariance = await matchingCovariance(whole, views, F, 1);
    assert.equal(covariance.length, F * F);
    assert.ok(covariance[1 * F + 1]! > 10 * covariance[0]!);
    for (let i = 0; i < F; i++) {
      for (let j = 0; j < i; j++) assert.ok(Math.abs(covariance[i * F + j]! - covariance[j * F + i]!) < 1e-5);
    }
  });

  it("makes a whitening find what tells images apart, not what varies most", async () => {
    const { kinds, whole, views } = collection({ viewsChange: 3 });
    const options = { dimensions: 1, strength: 0 };
    const plain = await fitWhitening(whole, F, options, { threads: 1 });
    const matching = await matchingCovariance(whole, views, F, 1);
    const matched = await fitWhitening(whole, F, options, { matching, threads: 1 });
    assert.ok(agreement(await whiten(whole, plain, 1), kinds) < 0.7);
    assert.ok(agreement(await whiten(whole, matched, 1), kinds) > 0.95);
  });

  it("does without neighbours where images are few, and without differences where views change nothing", async () => {
    const { whole } = collection({ viewsChange: 0 });
    const few = whole.slice(0, 10 * F);
    const covariance = await matchingCovariance(few, few.slice(), F, 1);
    assert.deepEqual([...covariance], Array(F * F).fill(0));
    const { matrix } = await fitWhitening(few, F, { dimensions: 2, strength: 0 }, { matching: covariance, threads: 1 });
    assert.ok(matrix.every(Number.isFinite));
  });
});
