import assert from "node:assert/strict";
import { count, nearBoundaries, overlap } from "../../../training/transfer/mean-iou.ts";

describe("mean IoU", () => {
  it("of a case by hand", () => {
    const confusion = new Float64Array(9);
    count(confusion, [0, 0, 0, 1, 1, -1, 2], [0, 0, 1, 1, 0, 2, 2]);
    const { mean, classes, accuracy } = overlap(confusion);
    // class 0: 2 of 3 + 2 − 2; class 1: 1 of 2 + 2 − 1; class 2: all
    assert.deepEqual(classes, [2 / 4, 1 / 3, 1]);
    assert.ok(Math.abs(mean - (1 / 2 + 1 / 3 + 1) / 3) < 1e-12);
    assert.ok(Math.abs(accuracy - 4 / 6) < 1e-12, "what is not labelled does not count");
  });

  it("leaves out a class that is neither there nor predicted, and counts one that is only predicted", () => {
    const confusion = new Float64Array(16);
    count(confusion, [0, 0, 1], [0, 0, 2]);
    assert.deepEqual(overlap(confusion).classes, [1, 0, 0, null]);
    assert.ok(Math.abs(overlap(confusion).mean - 1 / 3) < 1e-12);
  });

  it("adds up over images", () => {
    const confusion = new Float64Array(4);
    count(confusion, [0, 1], [0, 1]);
    count(confusion, [0, 1], [1, 1]);
    assert.deepEqual(overlap(confusion).classes, [1 / 2, 2 / 3]);
  });
});

describe("labels near boundaries", () => {
  const row = (text: string) => Array.from(text, (c) => (c === "." ? -1 : Number(c)));
  const of = (rows: readonly string[], distance: number) => {
    const labels = Int16Array.from(rows.flatMap(row));
    const near = Array.from(nearBoundaries(labels, rows[0]!.length, distance), (v) => (v < 0 ? "." : String(v))).join(
      "",
    );
    return rows.map((_, i) => near.slice(i * rows[0]!.length, (i + 1) * rows[0]!.length));
  };

  it("are those next to another class at distance 1, and a pixel more for each more", () => {
    const rows = ["000111", "000111"];
    assert.deepEqual(of(rows, 1), ["..01..", "..01.."]);
    assert.deepEqual(of(rows, 2), [".0011.", ".0011."]);
    assert.deepEqual(of(rows, 9), rows);
  });

  it("also lie above and below, and diagonally", () => {
    assert.deepEqual(of(["00000", "00000", "00100", "00000", "00000"], 1), [
      ".....",
      "..0..",
      ".010.",
      "..0..",
      ".....",
    ]);
    assert.deepEqual(
      of(["00000", "00000", "00100", "00000", "00000"], 2),
      Array(5)
        .fill(0)
        .map((_, i) => (i === 2 ? "00100" : i % 4 === 0 ? ".000." : "00000")),
    );
  });

  it("do not lie where one side is not labelled, nor between the end of a row and the next", () => {
    assert.deepEqual(of(["00.11", "00.11"], 1), [".....", "....."]);
    assert.deepEqual(of(["001", "0.1"], 1), [".01", "..."]);
  });
});
