import assert from "node:assert/strict";
import { assertNear, OPTIMIZERS, ramp, tinyStep } from "../../../../support/tiny-step.ts";
import { splitStep } from "../../../../training/graph/engine/split-step.ts";
import { compileStateful } from "../../../../training/graph/engine/stateful.ts";
import { add, compile, input, mul, scalar, sub } from "../../../../training/graph/index.ts";

describe("state that goes through a graph", () => {
  for (const [name, optimizer] of Object.entries(OPTIMIZERS)) {
    it(`moves with ${name} in place as the graph alone would move it`, async () => {
      const step = tinyStep(optimizer);
      const sizes = [...step.next].map(([name, { shape }]) => [name, shape.reduce((a, b) => a * b, 1)] as const);
      const initial = () => new Map(sizes.map(([name, size], n) => [name, ramp(size, n)]));
      const feedsOf = (t: number) => ({
        ...{ xq: ramp(8, t), xk: ramp(8, t + 1), m: Float32Array.of(0.75) },
        ...{ learningRate: Float32Array.of(0.3), step: Float32Array.of(t + 1) },
      });
      const plain = await compile(
        { ...step.outputs, ...Object.fromEntries([...step.next].map(([name, tensor]) => [`after ${name}`, tensor])) },
        { threads: 1 },
      );
      let expected: ReadonlyMap<string, Float32Array> = initial();
      const began = initial();
      const graph = await compileStateful(step.outputs, step, began, { threads: 1 });
      for (let t = 0; t < 3; t++) {
        const out = await plain.run({ ...feedsOf(t), ...Object.fromEntries(expected) });
        expected = new Map(sizes.map(([name]) => [name, out[`after ${name}`] as Float32Array]));
        const results = await graph.step(feedsOf(t));
        for (const name of ["loss", "keys"]) assertNear(name, results[name]!, out[name] as Float32Array);
        for (const [name, values] of await graph.state()) assertNear(name, values, expected.get(name)!);
      }
      const now = await graph.state();
      const apart = [...now].filter(([name, values]) => values !== began.get(name)).map(([name]) => name);
      assert.deepEqual(apart, ["mean"], "all else lies where it lay");
      await plain.release();
      await graph.release();
    });
  }

  it("is no output of the graph where a loop moves it: the gradients are", () => {
    const step = tinyStep(OPTIMIZERS.sgd!);
    const split = splitStep(step.outputs, step);
    assert.deepEqual([split.before.length, split.after.length], [4, 4]);
    const gradients = ["a", "b", "c", "bias"].map((name) => `gradient.${name}`);
    assert.deepEqual(Object.keys(split.graph), [...gradients, "loss", "keys", "next.mean"]);
  });

  it("is computed by the graph where its next value depends on other state", async () => {
    const [a, b] = [input("a", [2]), input("b", [2])];
    const next = new Map([
      ["a", sub(b, scalar(1))],
      ["b", add(a, b)],
    ]);
    const initial = new Map([...next.keys()].map((name) => [name, Float32Array.of(1, 2)]));
    const graph = await compileStateful({ seen: mul(a, scalar(10)) }, { next }, initial, { threads: 1 });
    await graph.step({});
    const { seen } = await graph.step({});
    assert.deepEqual([...seen!], [0, 10], "of the state before the step");
    assert.deepEqual(Object.fromEntries(await graph.state()), { a: Float32Array.of(1, 3), b: Float32Array.of(2, 5) });
    await graph.release();
  });

  it("stays as it is where a step does not change it", async () => {
    const [fixed, x] = [input("fixed", [2]), input("x", [2])];
    const initial = new Map([["fixed", Float32Array.of(3, 4)]]);
    const graph = await compileStateful({ y: mul(fixed, x) }, { next: new Map([["fixed", fixed]]) }, initial);
    assert.deepEqual([...(await graph.step({ x: Float32Array.of(2, 2) })).y!], [6, 8]);
    assert.equal((await graph.state()).get("fixed"), initial.get("fixed"));
    await graph.release();
  });
});
