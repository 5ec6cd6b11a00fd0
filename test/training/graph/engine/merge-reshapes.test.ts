import assert from "node:assert/strict";
import { mergeReshapes } from "../../../../training/graph/engine/merge-reshapes.ts";
import * as g from "../../../../training/graph/index.ts";

describe("reshapes that a graph can do without", () => {
  const count = (y: g.Tensor) => g.printGraph(mergeReshapes({ y })).match(/= Reshape\(/g)?.length ?? 0;

  it("are those of reshapes", () => {
    const x = g.reshape(g.reshape(g.input("x", [4, 6]), [2, 12]), [24]);
    assert.equal(count(g.relu(x)), 1);
    assert.deepEqual(mergeReshapes({ x }).x!.shape, [24]);
  });

  it("are those of few values that come back to the shape they have", () => {
    assert.equal(count(g.relu(g.reshape(g.reshape(g.input("x", [4, 6]), [24]), [4, 6]))), 0);
  });

  it("are not those of an image, which hide its shape from onnxruntime", () => {
    const shape = [16, 16, 16, 16];
    assert.equal(count(g.relu(g.reshape(g.input("x", shape), shape))), 1);
  });
});
