import assert from "node:assert/strict";
import { oneAtATime } from "../../../server/encoder/one-at-a-time.ts";

describe("oneAtATime", () => {
  it("begins with the next when the one before has ended, however that ended", async () => {
    const said: string[] = [];
    const act = oneAtATime(
      async (name: string) => {
        said.push(`${name} begins`);
        await new Promise(setImmediate);
        said.push(`${name} ends`);
        if (name === "a") throw new Error("a failed");
        return name;
      },
      { most: 3, what: "things wait" },
    );
    const [first, second] = [act("a"), act("b")];
    await assert.rejects(first, /a failed/);
    assert.equal(await second, "b");
    assert.deepEqual(said, ["a begins", "a ends", "b begins", "b ends"]);
  });

  it("refuses what is too much, until there is room again", async () => {
    let end = () => {};
    const act = oneAtATime(() => new Promise<void>((resolve) => (end = resolve)), { most: 1, what: "things wait" });
    const first = act();
    await assert.rejects(act(), { code: "overloaded", message: /^1 things wait already/ });
    end();
    await first;
    const again = act();
    await new Promise(setImmediate);
    end();
    await again;
  });
});
