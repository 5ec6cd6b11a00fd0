import assert from "node:assert/strict";
import { values } from "../../../../support/gradient-check.ts";
import { fitsBlocks } from "../../../../training/graph/engine/blocked-conv.ts";
import { blockLayout } from "../../../../training/graph/engine/blocked-layout.ts";
import * as g from "../../../../training/graph/index.ts";

describe("convolutions in blocked layout", () => {
  const cases = [
    { x: [2, 16, 5, 7], weight: [16, 16, 3, 3], padding: 1 },
    { x: [1, 32, 9, 9], weight: [48, 32, 3, 3], padding: 1, stride: 2 },
    { x: [3, 64, 4, 4], weight: [32, 64, 1, 1] },
    { x: [2, 3, 8, 8], weight: [32, 3, 3, 3], padding: 1 },
    { x: [2, 16, 6, 6], weight: [16, 16, 5, 5], padding: 2, bias: true },
  ];
  for (const { x, weight, bias = false, ...options } of cases) {
    it(`[${x}] ⋆ [${weight}] ${JSON.stringify(options)} gives what the plain one gives`, async () => {
      const inputs = [g.input("x", x), g.input("weight", weight), ...(bias ? [g.input("bias", [weight[0]!])] : [])];
      const [a, b, c] = inputs as [g.Tensor, g.Tensor, g.Tensor?];
      const y = g.relu(g.conv2d(a, b, options, c));
      const feeds = Object.fromEntries(inputs.map((t, i) => [t.node.name!, values(g.sizeOf(t.shape), i)]));
      const plain = await g.compile({ y }, { threads: 1, blocked: () => false });
      const blocked = await g.compile({ y }, { threads: 1 });
      const [expected, actual] = [(await plain.run(feeds)).y!, (await blocked.run(feeds)).y!];
      for (const [i, v] of expected.entries()) assert.ok(Math.abs(Number(v) - Number(actual[i])) < 1e-4);
      await Promise.all([plain.release(), blocked.release()]);
    });
  }

  it("leaves alone what does not fit, and whatever it is told to", () => {
    const conv = (c: number, o: number, groups = 1) =>
      g.conv2d(g.input("x", [1, c, 4, 4]), g.input("w", [o, c / groups, 1, 1]), { groups });
    assert.ok(fitsBlocks(conv(16, 32).node));
    for (const y of [conv(24, 32), conv(16, 8), conv(32, 32, 2)]) {
      assert.ok(!fitsBlocks(y.node));
      assert.equal(blockLayout({ y }).y, y);
    }
    const y = conv(16, 16);
    assert.equal(blockLayout({ y }, () => false).y, y);
  });

  it("follows what comes after: the graph still ends in its outputs, with the same gradient", async () => {
    const x = g.input("x", [1, 16, 4, 4]);
    const y = g.reduceSum(g.conv2d(x, g.input("w", [16, 16, 3, 3]), { padding: 1 }));
    const text = g.printGraph(blockLayout({ y, dx: g.gradients(y, [x])[0]! }));
    assert.equal(text.match(/nchwc::Conv\(/g)?.length, 2);
    assert.doesNotMatch(text, /= Conv\(/);
  });
});
