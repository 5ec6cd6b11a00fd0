import assert from "node:assert/strict";
import { calibrate, histogram, otsu } from "../../web/search/scores.ts";

describe("what scores mean", () => {
  it("splits scores where they fall apart", () => {
    assert.equal(otsu([0.1, 0.12, 0.15, 0.8, 0.82, 0.9]), 0.8);
    assert.equal(otsu([]), 0);
  });

  it("counts each score once", () => {
    assert.deepEqual(histogram([0, 0.24, 0.25, 1, 2, -1], 0, 4), [3, 1, 0, 2]);
  });

  it("suggests what the server measured, then what the card says, then what the scores look like", () => {
    const statistics = { positive: { mean: 0.6, std: 0.2 }, random: { mean: 0, std: 0.1 } };
    const measured = calibrate(statistics, [0.5], 0.9);
    assert.equal(measured.suggested, 0.9);
    assert.equal(measured.low, 0.5);
    assert.ok(Math.abs(calibrate(statistics, [0.95], 0.9).low - 0.8) < 1e-9);
    assert.ok(Math.abs(calibrate(statistics, [0.5]).suggested - 0.2) < 1e-9);
    assert.equal(calibrate(undefined, [0.1, 0.9]).suggested, 0.9);
    assert.equal(calibrate(undefined, []).low, 1);
  });
});
