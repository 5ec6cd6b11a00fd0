import assert from "node:assert/strict";
import {
  errorDistribution,
  type Judged,
  propose,
  rankCorrelation,
  summarize,
} from "../../../training/design/comparison.ts";

const judged = (space: Judged["space"], ...scores: number[]): Judged[] =>
  scores.map((evaluationAccuracy) => ({ space, evaluationAccuracy, knn: undefined }));

describe("comparison of design spaces", () => {
  const free = judged("free", 0.1, 0.9, 0.2, 0.3);
  const shallow = judged("shallow", 0.5, 0.4, 0.6);

  it("is by the middle of a space", () => {
    const [first, second] = summarize([...shallow, ...free]);
    assert.deepEqual(
      [first, second].map((one) => [one!.space, one!.networks, one!.median, one!.best, one!.worst]),
      [
        ["free", 4, 0.25, 0.9, 0.1],
        ["shallow", 3, 0.5, 0.6, 0.4],
      ],
    );
    assert.equal(second!.winsAgainstFirst, 9 / 12);
    assert.equal(second!.isClear, false, "of so few networks that is chance");
    assert.equal(propose([...free, ...shallow]).evaluationAccuracy, 0.6, "not the single best of all");
  });

  it("is clear where chance does not explain it", () => {
    const scores = Array.from({ length: 8 }, (_, i) => i / 10);
    const [, better] = summarize([...judged("free", ...scores), ...judged("growing", ...scores.map((x) => x + 0.5))]);
    assert.ok(better!.winsAgainstFirst > 0.8 && better!.isClear);
    const [, same] = summarize([...judged("free", ...scores), ...judged("growing", ...scores)]);
    assert.deepEqual([same!.winsAgainstFirst, same!.isClear], [0.5, false]);
  });

  it("shows at each error the share of networks below it", () => {
    const points = errorDistribution([0.5, 0.75]);
    assert.deepEqual(points, [
      { x: 0.25, y: 0 },
      { x: 0.25, y: 0.5 },
      { x: 0.5, y: 0.5 },
      { x: 0.5, y: 1 },
    ]);
  });

  it("correlates ranks, equal ones at their mean", () => {
    assert.equal(rankCorrelation([1, 2, 3], [10, 20, 90]), 1);
    assert.equal(rankCorrelation([1, 2, 3], [9, 2, 1]), -1);
    // By hand: ranks 0.5, 0.5, 2 and 0, 1, 2 → 1.5 / √(1.5 · 2)
    assert.ok(Math.abs(rankCorrelation([1, 1, 3], [1, 2, 3]) - 1.5 / Math.sqrt(3)) < 1e-12);
  });
});
