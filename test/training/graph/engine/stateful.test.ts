import assert from "node:assert/strict";
import { compileStateful } from "../../../../training/graph/engine/stateful.ts";
import {
  add,
  compile,
  input,
  matmul,
  mul,
  reduceSum,
  relu,
  reshape,
  scalar,
  type Tensor,
  transpose,
} from "../../../../training/graph/index.ts";
import { learn } from "../../../../training/moco/update.ts";
import { adamw } from "../../../../training/optimize/optimizer.ts";

describe("state that goes through a graph", () => {
  const run = async (outputs: Record<string, Tensor>, next: Record<string, Tensor>, steps: number) => {
    const initial = new Map(Object.keys(next).map((name) => [name, Float32Array.of(1, 2)]));
    const graph = await compileStateful(outputs, new Map(Object.entries(next)), initial, { threads: 1 });
    let results: Record<string, Float32Array> = {};
    for (let step = 0; step < steps; step++) results = await graph.step({});
    const now = await graph.state();
    const buffers = Object.keys(next).map((name) => [name, now.get(name) === initial.get(name)] as const);
    const state = new Map([...now].map(([name, values]) => [name, [...values]]));
    await graph.release();
    return { results, state, inPlace: Object.fromEntries(buffers) };
  };

  it("is overwritten where it lies, where only its own next value needs it", async () => {
    const average = input("average", [2]);
    const { state, inPlace } = await run({}, { average: add(mul(average, scalar(0.5)), scalar(1)) }, 3);
    assert.deepEqual(state.get("average"), [1.875, 2]);
    assert.deepEqual(inPlace, { average: true });
  });

  it("is kept apart where something else reads it, be it an output or other state", async () => {
    const [a, b] = [input("a", [2]), input("b", [2])];
    const next = { a: add(mul(a, scalar(2)), scalar(0)), b: add(mul(b, scalar(2)), mul(a, scalar(1))) };
    const once = await run({ seen: mul(a, scalar(10)) }, next, 1);
    assert.deepEqual(once.inPlace, { a: false, b: true });
    const { results, state } = await run({ seen: mul(a, scalar(10)) }, next, 3);
    assert.deepEqual([...results.seen!], [40, 80], "of the state before the step");
    assert.deepEqual(Object.fromEntries(state), { a: [8, 16], b: [20, 40] });
  });

  it("is kept apart where its next value is computed from it at once", async () => {
    const x = input("x", [2]);
    const { state, inPlace } = await run({}, { x: add(x, scalar(1)) }, 3);
    assert.deepEqual([state.get("x"), inPlace], [[4, 5], { x: false }]);
  });

  it("is kept apart where something else reads a view of it", async () => {
    const x = input("x", [2]);
    const view = reshape(x, [2, 1]);
    const next = { x: add(mul(reshape(view, [2]), scalar(2)), scalar(0)) };
    const { results, state, inPlace } = await run({ seen: mul(view, scalar(10)) }, next, 3);
    assert.deepEqual([[...results.seen!], state.get("x"), inPlace], [[40, 80], [8, 16], { x: false }]);
  });

  it("is kept apart where the backward pass reads a transpose of it", async () => {
    // onnxruntime fuses the transpose into each product, which then reads the weights themselves.
    const names = ["a", "b", "c"];
    const weights = names.map((name) => input(`q.${name}`, [4, 4]));
    const layer = (y: Tensor, weight: Tensor) => relu(matmul(y, transpose(weight, [1, 0])));
    const loss = reduceSum(weights.reduce(layer, input("x", [2, 4])));
    const parameters = new Map(names.map((name, n) => [name, weights[n]!]));
    const optimizer = adamw({ betas: [0.9, 0.999], epsilon: 1e-8, weightDecay: 0.1 });
    const { next, gradients } = learn(loss, { parameters, buffers: new Map(), fixed: new Map() }, optimizer);
    const values = (_: unknown, i: number) => (i % 5) / 5 + 0.1;
    const outputs = Object.fromEntries([...gradients].map(([name, tensor]) => [`gradient.${name}`, tensor]));
    const initial = new Map([...next].map(([name]) => [name, Float32Array.from({ length: 16 }, values)]));
    const feeds = {
      x: Float32Array.from({ length: 8 }, values),
      learningRate: Float32Array.of(0.1),
      step: Float32Array.of(1),
    };

    const plain = await compile(outputs, { threads: 1 });
    const expected = await plain.run({
      ...feeds,
      ...Object.fromEntries(names.map((name) => [`q.${name}`, initial.get(`q.${name}`)!])),
    });
    const graph = await compileStateful(outputs, next, initial, { threads: 1 });
    assert.deepEqual(await graph.step(feeds), expected);
    await plain.release();
    await graph.release();
  });
});
