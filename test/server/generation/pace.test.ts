import assert from "node:assert/strict";
import { createPace } from "../../../server/generation/pace.ts";

/** A machine on which a live request takes 10 ms, and `cost` ms more for each image under way. */
async function settle(cost: number) {
  let time = 0;
  const pace = createPace(() => time);
  const windows: number[] = [];
  const live = (ms: number) =>
    pace.live(async () => {
      time += ms;
    });
  for (let i = 0; i < 10; i++) await live(10);
  for (let round = 0; round < 2000; round++) {
    const finish: Array<() => void> = [];
    const works = Array.from({ length: pace.window }, () =>
      pace.background(() => new Promise<void>((resolve) => finish.push(resolve))),
    );
    // A measurement holds images back until live requests have shown how long they take alone.
    while (finish.length === 0) await live(10);
    await live(10 + cost * finish.length);
    windows.push(pace.window);
    for (let i = 0; i < works.length; i++) {
      finish[i]?.();
      await Promise.resolve();
      while (finish.length <= i + 1 && i + 1 < works.length) await live(10);
    }
    await Promise.all(works);
  }
  return windows.slice(-500);
}

describe("pace", () => {
  it("starts all there is room for where no live request comes", async () => {
    const pace = createPace(() => 0);
    let running = 0;
    for (let i = 0; i < 200; i++)
      void pace.background(() => {
        running++;
        return new Promise(() => {});
      });
    await new Promise(setImmediate);
    assert.equal(running, 128);
  });

  it("stays narrow where live requests suffer and grows where they do not", async () => {
    const suffering = Math.max(...(await settle(2)));
    assert.ok(suffering <= 8, `window ${suffering}`);
    const unharmed = Math.max(...(await settle(0)));
    assert.ok(unharmed > 30, `window ${unharmed}`);
  });
});
