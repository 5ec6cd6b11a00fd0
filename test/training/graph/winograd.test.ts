import assert from "node:assert/strict";
import fc from "fast-check";
import { values } from "../../../support/gradient-check.ts";
import * as g from "../../../training/graph/index.ts";

/** Takes the form of that name where it is offered. */
const prefer = (name: string): g.FormChooser => ({
  choose: (_, operands, forms) => (forms[name] ?? Object.values(forms)[0]!)(...operands),
});

describe("winograd", () => {
  const shapes = fc.record({
    n: fc.integer({ min: 1, max: 3 }),
    c: fc.integer({ min: 1, max: 20 }),
    o: fc.integer({ min: 1, max: 20 }),
    h: fc.integer({ min: 2, max: 13 }),
    wider: fc.nat(3),
    geometry: fc.constantFrom(
      ...[0, 1, 2].flatMap((padding) => [1, 2].map((stride) => ({ kernel: 3, stride, padding }))),
      { kernel: 1, stride: 2, padding: 0 },
    ),
  });

  it("gives what the operator and its gradients give, for any size", () =>
    fc.assert(
      fc.asyncProperty(shapes, async ({ n, c, o, h, wider, geometry: { kernel, stride, padding } }) => {
        fc.pre(h + 2 * padding >= kernel);
        const x = g.input("x", [n, c, h, h + wider]);
        const weight = g.input("weight", [o, c, kernel, kernel]);
        const all = (chooser: g.FormChooser) => {
          const y = g.conv2d(x, weight, { stride, padding, chooser });
          const r = g.constant(values(g.sizeOf(y.shape), 3), y.shape);
          return [y, ...g.gradients(g.reduceSum(g.mul(y, r)), [x, weight])];
        };
        const ours = all(prefer("winograd"));
        assert.doesNotMatch(g.printGraph(Object.fromEntries(ours.entries())), /Conv/);
        const outputs = Object.fromEntries([...ours, ...all(prefer("operator"))].map((tensor, i) => [`y${i}`, tensor]));
        const graph = await g.compile(outputs, { threads: 1 });
        const out = await graph.run({ x: values(g.sizeOf(x.shape), 1), weight: values(g.sizeOf(weight.shape), 2) });
        await graph.release();
        for (let i = 0; i < 3; i++) {
          const [a, b] = [out[`y${i}`], out[`y${i + 3}`]] as [Float32Array, Float32Array];
          const scale = Math.sqrt(b.reduce((sum, v) => sum + v * v, 0) / b.length);
          for (const [at, v] of a.entries()) assert.ok(Math.abs(v - b[at]!) <= 3e-5 * scale, `${i}: ${v} for ${b[at]}`);
        }
      }),
      { numRuns: 60, seed: 2026, endOnFailure: true },
    ));

  it("is offered for what it can compute only", () => {
    const x = g.input("x", [1, 4, 8, 8]);
    for (const [kernel, options] of [
      [1, {}],
      [5, { padding: 2 }],
      [3, { stride: 3 }],
      [3, { groups: 2 }],
    ] as const) {
      const weight = g.input("weight", [4, 4 / ("groups" in options ? 2 : 1), kernel, kernel]);
      const y = g.conv2d(x, weight, { ...options, chooser: prefer("winograd") });
      assert.match(g.printGraph({ y }), /= Conv\(/);
    }
  });

  it("computes what both gradients need once", () => {
    const everywhere: g.FormChooser = { choose: (_, operands, forms) => forms.winograd!(...operands) };
    const [x, weight] = [g.input("x", [2, 16, 8, 8]), g.input("weight", [16, 16, 3, 3])];
    const y = g.conv2d(x, weight, { padding: 1, chooser: everywhere });
    const [gx, gw] = g.gradients(g.reduceSum(y), [x, weight]);
    const gemms = g.printGraph({ y, gx: gx!, gw: gw! }).match(/= Gemm\(/g)!.length;
    // To points: x and g, two for each that is needed, and weights; from them: y and gx, two each, and gw.
    assert.equal(gemms, 2 * 2 + 2 + 2 + 4 + 1);
  });
});
