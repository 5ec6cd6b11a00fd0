import assert from "node:assert/strict";
import { SCORE_SCHEME, scaleOf } from "../../web/map/scale.ts";

describe("the map's scale of scores", () => {
  it("has its ends at the least and the greatest score, the query's own apart", () => {
    const { least, most, colourOf } = scaleOf([1, 0.9, 0.5, 0.1]);
    assert.deepEqual([least, most], [0.1, 0.9]);
    assert.deepEqual([0.1, 0.5, 0.9, 1].map(colourOf), [1, 5, 9, 9]);
    assert.equal(colourOf(undefined), 0);
    assert.equal(SCORE_SCHEME.length, 10);
  });

  it("takes scores that are all the same, and none", () => {
    for (const scores of [[], [0.4], [0.4, 0.4], [1]]) {
      const number = scaleOf(scores).colourOf(scores[0]);
      assert.ok(number >= 0 && number < SCORE_SCHEME.length, `${scores}: ${number}`);
    }
  });
});
