import assert from "node:assert/strict";
import { setImmediate as turn } from "node:timers/promises";
import { ALL_SHARES, createShareQueue } from "../../../server/decoding/share-queue.ts";

describe("a queue of shares", () => {
  /** Runs actions that end when they are told to; what has started, in order. */
  const slowQueue = () => {
    const queue = createShareQueue();
    const started: string[] = [];
    const ends = new Map<string, () => void>();
    return {
      queue,
      started,
      run: (name: string, shares: number) =>
        queue.run(shares, async () => {
          started.push(name);
          await new Promise<void>((end) => ends.set(name, end));
        }),
      async end(name: string) {
        ends.get(name)!();
        await turn();
      },
    };
  };

  it("runs what fits together, small ones first", async () => {
    const { queue, started, run, end } = slowQueue();
    void run("half", ALL_SHARES / 2);
    void run("all", ALL_SHARES);
    void run("three quarters", (3 * ALL_SHARES) / 4);
    void run("quarter", ALL_SHARES / 4);
    await turn();
    assert.deepEqual(started, ["half", "quarter"]);
    assert.equal(queue.waiting, 2);
    await end("half");
    assert.deepEqual(started, ["half", "quarter", "three quarters"]);
    await end("quarter");
    await end("three quarters");
    assert.deepEqual(started, ["half", "quarter", "three quarters", "all"]);
    await end("all");
    assert.equal(queue.waiting, 0);
  });

  it("lets no action wait for ever behind smaller ones", async () => {
    const { started, run, end } = slowQueue();
    void run("first", ALL_SHARES);
    void run("large", ALL_SHARES);
    for (let i = 0; i < 400; i++) void run(`${i}`, ALL_SHARES / 2);
    await turn();
    await end("first");
    for (let next = 0; !started.includes("large"); next++) await end(started[next + 1]!);
    assert.ok(started.length < 200, `${started.length}`);
  });

  it("goes on after an action that fails", async () => {
    const queue = createShareQueue();
    await assert.rejects(
      queue.run(ALL_SHARES, () => Promise.reject(new Error("broken"))),
      /broken/,
    );
    assert.equal(await queue.run(ALL_SHARES, async () => 7), 7);
  });
});
