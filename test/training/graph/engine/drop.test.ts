import assert from "node:assert/strict";
import { drop } from "../../../../training/graph/engine/drop.ts";

describe("graph/engine/drop", () => {
  it("frees arrays at once", () => {
    const arrays = [new Float32Array(4), new Float32Array(1e6)];
    drop(arrays.map(({ buffer }) => buffer));
    assert.deepEqual(
      arrays.map(({ length }) => length),
      [0, 0],
    );
  });
});
