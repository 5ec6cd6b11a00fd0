import assert from "node:assert/strict";
import fc from "fast-check";
import { values } from "../../../../support/gradient-check.ts";
import { blockLayout } from "../../../../training/graph/engine/blocked-layout.ts";
import * as g from "../../../../training/graph/index.ts";

/** Images of [4, 32, 3, 5] behind convolutions that fit, and what may come after them. */
const steps = {
  conv: (x: g.Tensor, n: number) => g.conv2d(x, g.input(`w${n}`, [32, 32, 3, 3]), { padding: 1 }),
  "narrow conv": (x: g.Tensor, n: number) =>
    g.conv2d(g.conv2d(x, g.input(`w${n}`, [8, 32, 1, 1])), g.input(`v${n}`, [32, 8, 1, 1])),
  "batch norm": (x: g.Tensor, n: number) => normalised(x, n, 1),
  "batch norm of two groups": (x: g.Tensor, n: number) => normalised(x, n, 2),
  relu: (x: g.Tensor) => g.relu(x),
  "add itself": (x: g.Tensor) => g.add(x, g.relu(x)),
  "subtract a channel": (x: g.Tensor, n: number) => g.sub(x, g.input(`s${n}`, [1, 32, 1, 1])),
  "from a channel": (x: g.Tensor, n: number) => g.sub(g.input(`s${n}`, [1, 32, 1, 1]), x),
  "by itself": (x: g.Tensor) => g.mul(x, x),
  "less an input": (x: g.Tensor, n: number) => g.sub(x, g.input(`i${n}`, x.shape)),
  turned: (x: g.Tensor) => g.transpose(g.transpose(x, [0, 1, 3, 2]), [0, 1, 3, 2]),
};

function normalised(x: g.Tensor, n: number, groups: number): g.Tensor {
  return g.batchNorm(x, g.input(`gamma${n}`, [32]), g.input(`beta${n}`, [32]), { groups }).y;
}

const inputsOf = (outputs: Readonly<Record<string, g.Tensor>>) =>
  g.topologicalOrder(Object.values(outputs)).filter(({ op }) => op === "Input");

describe("blocked layout from one convolution to the next", () => {
  const names = Object.keys(steps) as Array<keyof typeof steps>;

  it("gives what the plain layout gives, and its gradients, whatever comes after a convolution", () =>
    fc.assert(
      fc.asyncProperty(fc.array(fc.constantFrom(...names), { minLength: 1, maxLength: 6 }), async (chain) => {
        const x = g.input("x", [4, 32, 3, 5]);
        const y = chain.reduce((image, name, n) => steps[name](image, n), steps.conv(x, 99));
        const r = g.constant(values(g.sizeOf(y.shape), 3), y.shape);
        const [gradient] = g.gradients(g.reduceSum(g.mul(y, r)), [x]);
        const outputs = { y, gradient: gradient! };
        const feeds = Object.fromEntries(
          inputsOf(outputs).map(({ name, outputs: [t] }, i) => [name!, values(g.sizeOf(t!.shape), i)]),
        );
        const run = async (blocked: boolean) => {
          const graph = await g.compile(outputs, { threads: 1, ...(!blocked && { blocked: () => false }) });
          const results = await graph.run(feeds);
          await graph.release();
          return results as Record<"y" | "gradient", Float32Array>;
        };
        const [plain, blocked] = [await run(false), await run(true)];
        for (const name of ["y", "gradient"] as const) {
          const scale = Math.sqrt(plain[name].reduce((sum, v) => sum + v * v, 0) / plain[name].length) || 1;
          for (const [i, v] of plain[name].entries()) assert.ok(Math.abs(v - blocked[name][i]!) <= 2e-4 * scale, name);
        }
      }),
      { numRuns: 60, seed: 2026, endOnFailure: true },
    ));

  it("needs no other layout from a convolution through batch norm, residual and ReLU to the next", () => {
    const x = g.input("x", [4, 32, 3, 5]);
    const first = steps.conv(x, 0);
    const y = steps.conv(g.relu(g.add(normalised(first, 1, 2), steps.conv(x, 2))), 3);
    const text = g.printGraph(blockLayout({ y }));
    assert.equal(text.match(/ReorderOutput\(/g)?.length, 1, "the last");
    assert.doesNotMatch(text, /= Relu\(.*,3,5\]/);
    // Mean, squares, and then scale and bias with the residual and ReLU take one pass each.
    assert.equal(text.match(/GlobalAveragePool\(/g)?.length, 1);
    assert.equal(text.match(/nchwc::Conv\(.*group 128/g)?.length, 1);
    assert.equal(text.match(/nchwc::Conv\(.*group 64/g)?.length, 1);
    assert.doesNotMatch(text, /= Mul\(.*float32\[2,64,3,5\]/);
  });
});
