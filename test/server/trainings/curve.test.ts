import assert from "node:assert/strict";
import { createCurve } from "../../../server/trainings/curve.ts";

describe("the curve of a training", () => {
  const stepsOf = (count: number, curve = createCurve(300)) => {
    for (let n = 1; n <= count; n++) curve.add({ imagesSeen: n * 8, loss: n, ownKeyFound: n % 2 });
    return curve;
  };

  it("is as it came where it is short", () => {
    assert.deepEqual(createCurve(300).points(), []);
    const points = stepsOf(299).points();
    assert.equal(points.length, 299);
    assert.deepEqual(points[4], { imagesSeen: 40, loss: 5, ownKeyFound: 1 });
  });

  it("has at most 300 points, each the mean of as many steps, and ends at the last step", () => {
    for (const count of [300, 301, 4096, 12_345]) {
      const points = stepsOf(count).points();
      assert.ok(points.length >= 150 && points.length <= 300, `${points.length}`);
      assert.equal(points.at(-1)!.imagesSeen, count * 8);
      const stretches = points.slice(1, -1).map(({ imagesSeen }, i) => imagesSeen - points[i]!.imagesSeen);
      assert.equal(new Set(stretches).size, 1);
      const steps = stretches[0]! / 8;
      assert.equal(points[1]!.loss, steps + (steps + 1) / 2);
      // The mean of all points, each by its steps, is that of all steps.
      let before = 0;
      const sum = points.reduce((all, { imagesSeen, loss }) => {
        const part = (loss * (imagesSeen - before)) / 8;
        before = imagesSeen;
        return all + part;
      }, 0);
      assert.ok(Math.abs(sum / count - (count + 1) / 2) < 1e-6);
    }
  });

  it("keeps every measurement's place, and the last one of a stretch", () => {
    const curve = createCurve(300);
    for (let n = 1; n <= 3000; n++) {
      curve.add({ imagesSeen: n, loss: 1, ownKeyFound: 0 });
      if (n % 100 === 0) curve.measured(n / 3000);
    }
    const measured = curve.points().filter(({ knn }) => knn !== undefined);
    assert.equal(measured.length, 30);
    assert.ok(measured.every(({ imagesSeen, knn }) => Math.abs(imagesSeen - knn! * 3000) < 16));
    assert.equal(curve.points().at(-1)!.knn, 1);
  });
});
