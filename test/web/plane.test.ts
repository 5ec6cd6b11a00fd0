// The map's plane: what is seen, what a lasso holds, and which points show their image.
import assert from "node:assert/strict";
import fc from "fast-check";
import { fitted, inside, textOfView, toScreen, viewOfText, zoomed } from "../../web/map/plane.ts";
import { pickSpaced } from "../../web/map/spacing.ts";

const size = { width: 1200, height: 700 };
const part = fc.double({ min: 0, max: 1, noNaN: true });
const places = fc.array(fc.record({ x: part, y: part }), { minLength: 2, maxLength: 100 });

describe("the map's plane", () => {
  it("shows every place at first", () => {
    fc.assert(
      fc.property(places, (all) => {
        const view = fitted(all, size);
        for (const place of all) {
          const { x, y } = toScreen(view, place);
          assert.ok(x >= -1e-6 && x <= size.width + 1e-6 && y >= -1e-6 && y <= size.height + 1e-6);
        }
      }),
      { examples: [[[0.9999999999999987, 0.9999999999999982].map((y) => ({ x: 0, y }))]] },
    );
  });

  it("keeps the place under the pointer where it is while it zooms", () => {
    const view = { x: 10, y: -20, scale: 800 };
    const place = { x: 0.3, y: 0.7 };
    const at = toScreen(view, place);
    const after = toScreen(zoomed(view, 2.5, at, size), place);
    assert.ok(Math.abs(after.x - at.x) < 1e-9 && Math.abs(after.y - at.y) < 1e-9);
  });

  it("is written into an address and read from it, on a screen of another size too", () => {
    const view = { x: -150, y: 40, scale: 2100 };
    const read = viewOfText(textOfView(view, size), size)!;
    assert.ok(Math.abs(read.x - view.x) < 2 && Math.abs(read.y - view.y) < 2 && Math.abs(read.scale - 2100) < 2);
    const half = { width: 600, height: 350 };
    const smaller = viewOfText(textOfView(view, size), half)!;
    const middleOf = (v: typeof view, { width, height }: typeof size) => [
      (width / 2 - v.x) / v.scale,
      (height / 2 - v.y) / v.scale,
    ];
    for (const [i, value] of middleOf(smaller, half).entries()) {
      assert.ok(Math.abs(value - middleOf(view, size)[i]!) < 1e-3);
    }
    for (const bad of ["", "1,2", "a,b,c", "0,0,-1", "1,2,NaN"]) assert.equal(viewOfText(bad, size), undefined);
  });

  it("tells what lies inside a line that is not convex", () => {
    const line = [
      [0, 0],
      [1, 0],
      [1, 1],
      [0.5, 0.3],
      [0, 1],
    ].map(([x, y]) => ({ x: x!, y: y! }));
    const at = (x: number, y: number) => inside([{ x, y }], line).length === 1;
    assert.deepEqual(
      [at(0.5, 0.1), at(0.1, 0.6), at(0.9, 0.6), at(0.5, 0.6), at(1.2, 0.5)],
      [true, true, true, false, false],
    );
  });

  it("gives thumbnails room, and leaves out none that has it", () => {
    fc.assert(
      fc.property(places, fc.double({ min: 0.01, max: 0.4, noNaN: true }), (all, side) => {
        const picked = pickSpaced(all, side);
        const near = (a: (typeof all)[number], b: (typeof all)[number]) =>
          Math.abs(a.x - b.x) < side && Math.abs(a.y - b.y) < side;
        for (const [i, one] of picked.entries()) assert.ok(!picked.slice(0, i).some((other) => near(one, other)));
        for (const one of all) assert.ok(picked.includes(one) || picked.some((other) => near(one, other)));
      }),
    );
  });
});
