import assert from "node:assert/strict";
import { linear, type Tensor } from "../../../training/graph/index.ts";
import { createLearner, createRandom, sgd } from "../../../training/moco/index.ts";
import type { Scope } from "../../../training/network/scope.ts";

const [B, items, length, dim] = [16, 64, 8, 4];

const f = (x: Tensor, scope: Scope) => {
  const init = { uniformFanIn: length };
  return scope.norm(
    linear(x, scope.parameter("weight", [dim, length], init), scope.parameter("bias", [dim], init)),
    "norm",
  );
};

/** Vectors of which the first half tells which item it is and the rest is noise. */
async function train(steps: number) {
  const random = createRandom(1);
  const collection = Array.from({ length: items }, () => Array.from({ length: length / 2 }, () => random.normal()));
  const options = { B, K: 32, m: 0.9, T: 0.1, dim, optimizer: sgd({ momentum: 0.9, weightDecay: 0 }), threads: 1 };
  const learner = await createLearner(f, [length], options);
  const untrained = await learner.encoder(f, 2);
  const results = [];
  for (let step = 0; step < steps; step++) {
    const batch = [...random.permutation(items).subarray(0, B)];
    const view = () =>
      Float32Array.from(batch.flatMap((n) => [...collection[n]!, ...collection[n]!.map(() => 2 * random.normal())]));
    results.push(await learner.step(view(), view(), 0.1));
  }
  return { learner, untrained, results };
}

describe("createLearner", () => {
  it("learns what two views share, the same from the same seed", async () => {
    const [first, second] = [await train(150), await train(150)];
    const accuracy = (from: number) =>
      first.results.slice(from, from + 30).reduce((sum, result) => sum + result.accuracy, 0) / 30;
    assert.ok(accuracy(120) > accuracy(0) + 0.2, `${accuracy(0)}, then ${accuracy(120)}`);
    assert.deepEqual(first.results, second.results);
    await Promise.all([first.learner.release(), second.learner.release()]);
  });

  it("encodes with the weights of the moment at which an encoder is compiled", async () => {
    const { learner, untrained } = await train(0);
    const { learner: trained, untrained: before } = await train(20);
    const x = Float32Array.from({ length: 2 * length }, (_, i) => Math.sin(i));
    const after = await trained.encoder(f, 2);
    const values = await before(x);
    assert.equal(values.length, 2 * dim);
    assert.deepEqual(values, await untrained(x));
    assert.notDeepEqual(await after(x), values);
    await learner.release();
    await trained.release();
  });
});
