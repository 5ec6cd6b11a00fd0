import assert from "node:assert/strict";
import { curves } from "../../../training/report/curves.ts";
import type { Epoch } from "../../../training/run/log.ts";

describe("the curves of a report", () => {
  const epoch = (at: number, knn: number) => ({ kind: "epoch", epoch: at, knn, spread: 0.9, dimensions: 8 }) as const;
  const lines = [epoch(1, 0.71), epoch(2, 0.74)] as unknown as ReadonlyArray<{ kind: "epoch" } & Epoch>;

  it("begin shares at 0 and draw chance level", async () => {
    const html = await curves(lines, { negatives: 63, labels: 10 });
    const knn = /<figure><figcaption>kNN[\s\S]*?<\/figure>/.exec(html)![0];
    assert.match(knn, /dashed: chance, 1 of 10 labels/);
    assert.match(knn, />0%<\/text>/);
    assert.equal(knn.match(/stroke-dasharray="3"/g)?.length, 1);
    assert.equal(/<g [^>]*stroke-dasharray="3"[^>]*>([\s\S]*?)<\/g>/.exec(knn)![1]!.match(/<line/g)!.length, 2);
  });
});
