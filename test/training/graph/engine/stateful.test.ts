import assert from "node:assert/strict";
import { splitStep } from "../../../../training/graph/engine/split-step.ts";
import { compileStateful } from "../../../../training/graph/engine/stateful.ts";
import {
  add,
  compile,
  input,
  matmul,
  mul,
  reduceSum,
  relu,
  scalar,
  sub,
  type Tensor,
  transpose,
} from "../../../../training/graph/index.ts";
import { learn, momentumUpdate } from "../../../../training/moco/update.ts";
import { adamw, lars, type Optimizer, sgd } from "../../../../training/optimize/optimizer.ts";

const OPTIMIZERS: Readonly<Record<string, Optimizer>> = {
  sgd: sgd({ momentum: 0.9, weightDecay: 0.01 }),
  "nesterov's": sgd({ momentum: 0.9, weightDecay: 0.01, nesterov: true, decayVectors: false }),
  adamw: adamw({ betas: [0.9, 0.9], epsilon: 1e-8, weightDecay: 0.1 }), // 1 − 0.999 loses digits in float32
  lars: lars({ momentum: 0.9, weightDecay: 0.01, trust: 0.02 }),
};

/** Three layers whose keys come from weights that follow by momentum, and a bias that is a vector. */
function tinyStep(optimizer: Optimizer) {
  const shapes = { a: [4, 4], b: [4, 4], c: [4, 4], bias: [4] };
  const named = (net: string) =>
    new Map(Object.entries(shapes).map(([name, shape]) => [name, input(`${net}.${name}`, shape)]));
  const f = (x: Tensor, theta: ReadonlyMap<string, Tensor>) =>
    ["a", "b", "c"].reduce(
      (y, name) => relu(add(matmul(y, transpose(theta.get(name)!, [1, 0])), theta.get("bias")!)),
      x,
    );
  const none = { buffers: new Map(), fixed: new Map() };
  const thetaQ = { parameters: named("q"), ...none };
  const thetaK = momentumUpdate({ parameters: named("k"), ...none }, thetaQ, input("m", []));
  const [xq, xk, mean] = [input("xq", [2, 4]), input("xk", [2, 4]), input("mean", [2, 4])];
  const keys = f(xk, thetaK.parameters);
  const loss = reduceSum(mul(f(xq, thetaQ.parameters), keys));
  const { next, gradients } = learn(loss, thetaQ, optimizer);
  const moved = [...thetaK.parameters].map(([name, tensor]) => [`k.${name}`, tensor] as const);
  const running = ["mean", add(mul(mean, scalar(0.9)), mul(keys, scalar(0.1)))] as const;
  return { outputs: { loss, keys }, next: new Map([...next, ...moved, running]), gradients };
}

const ramp = (length: number, from: number) => Float32Array.from({ length }, (_, i) => ((i * 7 + from) % 5) / 9);

/** The same up to the rounding of float32: loops round once where a graph rounds every result. */
function assertNear(name: string, actual: Float32Array, expected: Float32Array): void {
  for (const [i, value] of actual.entries()) {
    const bound = 2e-6 * Math.max(1, Math.abs(expected[i]!));
    assert.ok(Math.abs(value - expected[i]!) <= bound, `${name}[${i}]: ${value} instead of ${expected[i]}`);
  }
}

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
