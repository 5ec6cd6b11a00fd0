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

  it("takes the best of twenty where none is better, and that for the usual from then on", async () => {
    const { time, runs } = clock(2, 1.2, 1.4, ...Array<number>(18).fill(1.3), 1.3, 1, 1.4);
    assert.equal(await time(), 10 / 1.4);
    assert.equal(runs(), 20);
    assert.equal(await time(), 10 / 1.3);
    assert.equal(runs(), 21);
    assert.equal(await time(), 10 / 1.4);
    assert.equal(runs(), 23);
  });

  it("does not repeat what takes long", async () => {
    const { time, runs } = clock(2, 0.1);
    assert.equal(await time(), 100);
    assert.equal(runs(), 3);
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
