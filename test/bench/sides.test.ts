import assert from "node:assert/strict";
import { compare, type Round } from "../../bench/sides.ts";

describe("sides of a benchmark", () => {
  const played: string[] = [];
  const player = (side: string, rates: readonly number[]) => {
    const left = [...rates];
    return async (): Promise<Round> => {
      played.push(side);
      return { imagesPerSecond: left.shift()!, rssMb: 100 + left.length };
    };
  };
  const sides = () =>
    new Map([
      ["ours", player("ours", [10, 30, 20])],
      ["slow", player("slow", [1, 1, 1])],
      ["fast", player("fast", [20, 20, 25])],
    ]);

  it("play in turn, and the fastest of the others counts, round by round", async () => {
    played.length = 0;
    const found = await compare(sides(), { rounds: 3, operations: 1e9 });
    assert.equal(played.join(" "), "ours slow fast ours slow fast ours slow fast");
    assert.ok("fastest" in found);
    assert.deepEqual([found.fastest, found.ratio, found.ratios], ["fast", 0.8, [0.5, 1.5]]);
    assert.equal(found.verdict, "no difference larger than the noise of this run");
    assert.deepEqual(found.sides.ours!.spread, [10, 30]);
    assert.equal(found.sides.ours!.rssMb, 101, "the median: a round may tune again");
  });

  it("have their shares of the peak of the same round", async () => {
    const peaks = [100, 60, 50];
    const { peak, sides: found } = await compare(sides(), {
      rounds: 3,
      operations: 1e9,
      peak: async () => peaks.shift()!,
    });
    assert.deepEqual(peak, { gflops: 60, spread: [50, 100] });
    assert.deepEqual([found.ours!.percentOfPeak, found.ours!.percents], [40, [10, 50]]);
  });
});
