import assert from "node:assert/strict";
import type { Budget } from "../../../training/config/recipes.ts";
import { createPace, type PaceOptions } from "../../../training/run/pace.ts";

describe("pace of a run", () => {
  let milliseconds: number;
  beforeEach(() => {
    milliseconds = 1000;
  });
  const pace = (budget: Budget, more: Partial<PaceOptions> = {}) =>
    createPace(budget, { stepsPerEpoch: 10, batch: 8, now: () => milliseconds, ...more });
  /** Steps of `seconds` each until the run is over; the number of steps in all. */
  const run = (of: ReturnType<typeof pace>, seconds: (step: number) => number) => {
    while (!of.isOver) {
      milliseconds += 1000 * seconds(of.step);
      of.stepDone();
    }
    return of.step;
  };

  it("runs the steps of its epochs, a part of one rounded up", () => {
    const p = pace({ epochs: 1.25 });
    assert.deepEqual([p.totalSteps, p.progress], [13, 0]);
    assert.equal(
      run(p, () => 5),
      13,
    );
    assert.equal(p.progress, 1);
  });

  it("has no step in no epochs", () => {
    assert.equal(pace({ epochs: 0 }).isOver, true);
  });

  it("fits the steps to the minutes, the slow first ones not counted", () => {
    const p = pace({ minutes: 2 });
    assert.equal(p.totalSteps, undefined);
    assert.equal(
      run(p, (step) => (step < 3 ? 10 : 1)),
      3 + 90,
    );
    assert.equal(p.seconds, 120);
  });

  it("goes by time until the steps are fitted", () => {
    const p = pace({ minutes: 1 });
    milliseconds += 15_000;
    assert.equal(p.progress, 0.25);
  });

  it("fits anew after every step: a machine that slows down does fewer", () => {
    assert.ok(run(pace({ minutes: 1 }), (step) => (step < 20 ? 1 : 2)) < 45);
  });

  it("keeps the length that a resumed run had, whatever its budget says now", () => {
    const p = pace({ minutes: 1 }, { resumed: { step: 20, totalSteps: 30, seconds: 55 } });
    assert.equal(p.progress, 20 / 30);
    assert.equal(
      run(p, () => 60),
      30,
    );
    assert.equal(p.seconds, 55 + 600);
  });

  it("goes on to fit a run that was stopped before its length was known", () => {
    const p = pace({ minutes: 1 }, { resumed: { step: 2, totalSteps: null, seconds: 20 } });
    assert.equal(p.progress, 20 / 60);
    assert.equal(
      run(p, () => 1),
      2 + 40,
    );
  });

  it("tells images a second and the share of the time spent waiting, of this part of the run", async () => {
    const p = pace({ epochs: 10 }, { resumed: { step: 5, totalSteps: 100, seconds: 7 } });
    const data = Promise.resolve("a batch").then((batch) => {
      milliseconds += 1000;
      return batch;
    });
    assert.equal(await p.waitFor(data), "a batch");
    milliseconds += 3000;
    const expected = { step: 6, totalSteps: 100, epoch: 0.6, imagesPerSecond: 2, waitingShare: 0.25, seconds: 11 };
    assert.deepEqual(p.stepDone(), expected);
  });
});
