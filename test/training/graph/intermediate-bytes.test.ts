import assert from "node:assert/strict";
import * as g from "../../../training/graph/index.ts";
import { intermediateBytes } from "../../../training/graph/intermediate-bytes.ts";

describe("bytes of intermediate results", () => {
  const x = g.input("x", [4, 6]);

  it("counts each result once, by its type, and neither inputs nor constants nor views", () => {
    assert.equal(intermediateBytes(x), 0);
    const sum = g.add(x, g.scalar(1));
    assert.equal(intermediateBytes(sum), 4 * 24);
    assert.equal(intermediateBytes(g.reshape(sum, [24])), 4 * 24);
    assert.equal(intermediateBytes(g.mul(sum, sum)), 2 * 4 * 24);
    assert.equal(intermediateBytes(g.cast(sum, "float16")), (4 + 2) * 24);
  });
});
