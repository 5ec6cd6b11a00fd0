import assert from "node:assert/strict";
import { architectureSchema } from "../../../training/config/schema.ts";
import { createRandom } from "../../../training/data/random.ts";
import { DESIGN_SPACES, networkOf, SPACES, sampleNetwork } from "../../../training/design/spaces.ts";

describe("design spaces", () => {
  const sampled = (name: (typeof DESIGN_SPACES)[number], count = 200) => {
    const random = createRandom(1);
    return Array.from({ length: count }, () => sampleNetwork(SPACES[name], random));
  };

  it("keep their constraints", () => {
    for (const name of DESIGN_SPACES) {
      const { stages, blocks, grows } = SPACES[name];
      for (const { widths, depths } of sampled(name)) {
        assert.ok(widths.length >= stages[0] && widths.length <= stages[1] && depths.length === widths.length);
        assert.ok(depths.every((depth) => depth >= 1 && depth <= blocks));
        assert.ok(!grows || widths.every((width, i) => i === 0 || width >= widths[i - 1]!));
        assert.ok(widths.every((width) => width >= 1 && width <= 16));
      }
    }
  });

  it("hold all that their constraints leave", () => {
    const free = sampled("free");
    assert.deepEqual([...new Set(free.map(({ widths }) => widths.length))].sort(), [2, 3, 4]);
    assert.ok(free.some(({ widths }) => widths[0]! > widths[1]!));
    assert.ok(free.some(({ depths }) => depths.includes(2) && depths.includes(1)));
  });

  it("make networks that can be trained, of widths that are multiples of 8", () => {
    const stem = { kernel: 3, stride: 2, maxPool: false };
    const network = networkOf({ widths: [1, 3.2, 9], depths: [1, 2, 1] }, 10, stem);
    assert.deepEqual(network.widths, [8, 32, 88]);
    assert.deepEqual(network.stem, { ...stem, width: 8 });
    assert.ok(architectureSchema.safeParse(network).success);
  });
});
