import assert from "node:assert/strict";
import { percent } from "../../core/percent.ts";

describe("percent", () => {
  it("is a share of 1 with a digit after the point, or as many as asked for", () => {
    assert.deepEqual([percent(0.9716), percent(1), percent(0.126, 0)], ["97.2 %", "100.0 %", "13 %"]);
  });
});
