import assert from "node:assert/strict";
import { compileStateful } from "../../../../training/graph/engine/stateful.ts";
import { add, input, mul, reshape, scalar, type Tensor } from "../../../../training/graph/index.ts";

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
});
