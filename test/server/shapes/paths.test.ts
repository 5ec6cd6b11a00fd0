import assert from "node:assert/strict";
import { coloursAt, pathsFrom } from "../../../server/shapes/paths.ts";

describe("pathsFrom", () => {
  it("looks at each pixel a few times, whatever edge lies between two plain colours", () => {
    const [width, height] = [128, 96];
    const alike = new Float32Array(width * height).fill(1);
    for (let contrast = 0; contrast <= 255; contrast += 5) {
      const pixels = Uint8Array.from({ length: width * height * 3 }, (_, i) =>
        Math.floor(i / 3) % width < 60 ? 0 : contrast,
      );
      const costs = pathsFrom([40 * width + 20], coloursAt({ pixels, width, height }, width, height), alike);
      const [near, far] = [costs[40 * width + 50]!, costs[40 * width + 70]!];
      assert.ok(near > 0 && near < 0.05, `${near} of 30 steps`);
      assert.ok(far > near, `${far} beyond an edge of ${contrast}`);
    }
  }).timeout(10_000);
});
