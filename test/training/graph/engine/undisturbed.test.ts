import assert from "node:assert/strict";
import { timeRun, undisturbedClock } from "../../../../training/graph/engine/undisturbed.ts";

describe("undisturbed clock", () => {
  /** Runs that have so many processors, the last number again and again, and take less time the more they have. */
  function clock(most: number, ...processors: number[]) {
    let runs = 0;
    const time = undisturbedClock(async () => {
      const had = processors[Math.min(runs++, processors.length - 1)]!;
      return { milliseconds: 10 / had, processors: had };
    }, most);
    return { time, runs: () => runs };
  }

  it("runs once where no other program took a processor", async () => {
    const { time, runs } = clock(2, 1.9);
    assert.equal(await time(), 10 / 1.9);
    assert.equal(runs(), 1);
  });

  it("runs again where one did", async () => {
    const { time, runs } = clock(2, 1, 1.5, 1.9, 1);
    assert.equal(await time(), 10 / 1.9);
    assert.equal(runs(), 3);
  });

  it("takes the best of ten where none is better, and expects less from then on, step by step", async () => {
    const { time, runs } = clock(2, 1.2, 1.4, 1.2);
    assert.equal(await time(), 10 / 1.4);
    assert.equal(runs(), 10);
    for (const expected of [20, 30, 31]) {
      assert.equal(await time(), 10 / 1.2); // 1.7, 1.45 and 1.325 are usual then
      assert.equal(runs(), expected);
    }
  });

  it("expects more once a run had more", async () => {
    const { time, runs } = clock(1, 1.9, 1, 1.9);
    assert.equal(await time(), 10 / 1.9);
    assert.equal(await time(), 10 / 1.9);
    assert.equal(runs(), 3);
  });

  it("counts every run where processors say nothing", async () => {
    const { time, runs } = clock(0, 0.01, 1);
    assert.equal(await time(), 1000);
    assert.equal(runs(), 1);
  });

  it("reads what a run takes of the clock and of the processors", async () => {
    const waited = await timeRun(() => new Promise((resolve) => setTimeout(resolve, 50)));
    assert.ok(waited.milliseconds >= 49 && waited.processors < 0.9, JSON.stringify(waited));
    const computed = await timeRun(async () => {
      for (const end = process.cpuUsage().user + 30_000; process.cpuUsage().user < end; );
    });
    assert.ok(computed.milliseconds > 0 && computed.processors > 0, JSON.stringify(computed));
  });
});
