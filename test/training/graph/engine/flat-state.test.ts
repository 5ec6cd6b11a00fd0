import assert from "node:assert/strict";
import { assertNear, OPTIMIZERS, ramp, tinyStep } from "../../../../support/tiny-step.ts";
import { flattenState } from "../../../../training/graph/engine/flat-state.ts";
import { compile, sizeOf, type Tensor, topologicalOrder } from "../../../../training/graph/index.ts";

describe("flat state", () => {
  for (const [name, optimizer] of Object.entries(OPTIMIZERS)) {
    it(`moves with ${name} as the state of many tensors does`, async () => {
      const step = tinyStep(optimizer);
      const flat = flattenState(step.outputs, step);
      const [plain, joined] = [await runnable(step.outputs, step.next), await runnable(flat.outputs, flat.next)];
      let expected = new Map<string, Float32Array>(
        [...step.next].map(([name, { shape }], n) => [name, ramp(sizeOf(shape), n)]),
      );
      let state = flat.pack(expected);
      for (let t = 0; t < 3; t++) {
        const feeds = {
          ...{ xq: ramp(8, t), xk: ramp(8, t + 1), m: Float32Array.of(0.75) },
          ...{ learningRate: Float32Array.of(0.3), step: Float32Array.of(t + 1) },
        };
        const [a, b] = [await plain.run(feeds, expected), await joined.run(feeds, state)];
        [expected, state] = [a.next, b.next];
        for (const name of ["loss", "keys"]) assertNear(name, b.out[name]!, a.out[name]!);
        const parts = flat.unpack(state);
        assert.deepEqual([...parts.keys()], [...expected.keys()]);
        for (const [name, values] of parts) assertNear(name, values, expected.get(name)!);
      }
      await plain.release();
      await joined.release();
    });
  }

  it("is one tensor for each part of the state that all parameters have", () => {
    const step = tinyStep(OPTIMIZERS.sgd!);
    const flat = flattenState(step.outputs, step);
    assert.deepEqual([...flat.next.keys()].sort(), ["flat.0.0", "flat.0.1", "flat.0.2", "mean"]);
    const products = (outputs: Iterable<Tensor>) =>
      topologicalOrder([...outputs]).filter(({ op }) => op === "Mul").length;
    // Of four parameters: the decay, the velocity, the learning rate, and two of the key.
    const saved = products(step.next.values()) - products(flat.next.values());
    assert.equal(saved, 3 * 5);
  });

  it("stays apart where each tensor's own norm decides how it moves", () => {
    const step = tinyStep(OPTIMIZERS.lars!);
    const { next } = flattenState(step.outputs, step);
    assert.deepEqual([...next.keys()], [...step.next.keys()]);
  });
});

async function runnable(outputs: Readonly<Record<string, Tensor>>, next: ReadonlyMap<string, Tensor>) {
  const ports = Object.fromEntries([...next].map(([name, tensor]) => [`next ${name}`, tensor]));
  const graph = await compile({ ...outputs, ...ports }, { threads: 1 });
  return {
    async run(feeds: Readonly<Record<string, Float32Array>>, state: ReadonlyMap<string, Float32Array>) {
      const out = (await graph.run({ ...feeds, ...Object.fromEntries(state) })) as Record<string, Float32Array>;
      return { out, next: new Map([...next.keys()].map((name) => [name, out[`next ${name}`]!])) };
    },
    release: () => graph.release(),
  };
}
