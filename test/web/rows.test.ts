// The justified grid against what defines it.
import assert from "node:assert/strict";
import fc from "fast-check";
import { heightOf, layOutRows, rowsBetween } from "../../web/parts/rows.ts";

const options = { width: 1000, height: 150, gap: 10, below: 28 };
const aspects = fc.array(fc.double({ min: 0.05, max: 20, noNaN: true }), { maxLength: 300 });

describe("rows of a justified grid", () => {
  it("have every image once, in order, and fill the width but in the last row", () => {
    fc.assert(
      fc.property(aspects, (shapes) => {
        const rows = layOutRows(shapes, options);
        let next = 0;
        for (const [i, { first, places, height, top }] of rows.entries()) {
          assert.equal(first, next);
          next += places.length;
          const last = places.at(-1)!;
          assert.ok(last.left + last.width <= options.width + 1e-6);
          if (i < rows.length - 1) {
            assert.ok(Math.abs(last.left + last.width - options.width) < 1e-6);
            assert.ok(Math.abs(rows[i + 1]!.top - (top + height + options.below + options.gap)) < 1e-6);
          }
        }
        assert.equal(next, shapes.length);
      }),
    );
  });

  it("keep the aspect of each image that is not very long, and come close to the height that is wanted", () => {
    const shapes = Array.from({ length: 200 }, (_, i) => [1, 4 / 3, 3 / 4, 16 / 9][i % 4]!);
    const rows = layOutRows(shapes, options);
    for (const { first, places, height } of rows.slice(0, -1)) {
      for (const [i, { width }] of places.entries()) assert.ok(Math.abs(width / height - shapes[first + i]!) < 1e-9);
      assert.ok(height > 110 && height < 205, `${height} pixels`);
    }
  });

  it("survive an image without a size", () => {
    const [row] = layOutRows([Number.NaN, 0, 1], options);
    assert.deepEqual(
      row!.places.map(({ width }) => Math.round(width)),
      [150, 150, 150],
    );
  });

  it("are found by the part of the page that is seen", () => {
    const rows = layOutRows(Array(1000).fill(1), options);
    fc.assert(
      fc.property(fc.integer({ min: -500, max: 40_000 }), fc.integer({ min: 0, max: 2000 }), (from, height) => {
        const [first, after] = rowsBetween(rows, from, from + height);
        for (const [i, row] of rows.entries()) {
          const isSeen = row.top + row.height + options.below > from && row.top < from + height;
          if (isSeen) assert.ok(i >= first && i < after, `row ${i} is in ${first}..${after}`);
        }
      }),
    );
    assert.equal(heightOf([], options), 0);
    assert.ok(heightOf(rows, options) > rows.at(-1)!.top + rows.at(-1)!.height);
  });
});
