import assert from "node:assert/strict";
import { createRandom } from "../../../../training/data/random.ts";
import {
  isClear,
  median,
  medianBounds,
  type RaceOptions,
  race,
  ratiosToFastest,
} from "../../../../training/graph/engine/paired-timing.ts";

describe("paired timing", () => {
  /** Plays candidates that take `milliseconds`, times what `slowdown` says for each run; keeps who ran when. */
  function machine(milliseconds: Readonly<Record<string, number>>, slowdown: (run: number) => number = () => 1) {
    const runs: string[] = [];
    const time = async (name: string) => milliseconds[name]! * slowdown(runs.push(name));
    return { runs, play: (rules?: RaceOptions<string>) => race(Object.keys(milliseconds), time, rules) };
  }
  const names = (finalists: ReadonlyArray<{ candidate: string }>) => finalists.map(({ candidate }) => candidate);

  const ratios = (finalists: ReadonlyArray<{ candidate: string; ratio: number }>) =>
    Object.fromEntries(finalists.map(({ candidate, ratio }) => [candidate, ratio]));

  it("drops what is clearly slower after seven rounds, whose order rotates, and ends with one", async () => {
    const { runs, play } = machine({ a: 20, b: 10, c: 12 });
    assert.deepEqual(ratios(await play()), { b: 1 });
    assert.equal(runs.join(""), `abc${"abcbcacab".repeat(2)}abc`);
  });

  it("ends as early with all that differ by less than matters", async () => {
    const { runs, play } = machine({ a: 10.1, b: 10, c: 15 });
    assert.deepEqual(names(await play()), ["a", "b"]);
    assert.equal(runs.length, 3 * 8);
  });

  it("ends as early with what differs by less than the margin that it is given", async () => {
    const { runs, play } = machine({ a: 12, b: 10, c: 15 });
    assert.deepEqual(names(await play({ marginOf: () => 0.3 })), ["a", "b"]);
    assert.equal(runs.length, 3 * 8);
  });

  it("drops what takes more than twice as long in each of three rounds", async () => {
    const { runs, play } = machine({ a: 30, b: 10, c: 12 });
    assert.deepEqual(names(await play()), ["b"]);
    assert.equal(runs.filter((name) => name === "a").length, 1 + 3);
    assert.equal(runs.filter((name) => name === "c").length, 1 + 7);
  });

  it("does not count first runs", async () => {
    const { play } = machine({ a: 10, b: 20 }, (run) => (run === 1 ? 100 : 1));
    assert.deepEqual(ratios(await play()), { a: 1 });
  });

  it("chooses the same while the machine becomes three times slower", async () => {
    const { play } = machine({ a: 11, b: 10 }, (run) => 1 + run / 8);
    assert.deepEqual(names(await play()), ["b"]);
  });

  it("chooses the same where other programs interrupt every third run", async () => {
    const random = createRandom(3);
    for (let i = 0; i < 100; i++) {
      const { play } = machine({ a: 12, b: 10 }, () => (random.uniform() < 1 / 3 ? 1 + 3 * random.uniform() : 1));
      assert.ok(names(await play()).includes("b"), `tuning ${i}`);
    }
  });

  it("gives up after so many rounds where noise hides the difference, and says what the medians are", async () => {
    const random = createRandom(4);
    const { runs, play } = machine({ a: 10, b: 10 }, () => 1 + random.uniform());
    const finalists = await play();
    assert.deepEqual(names(finalists), ["a", "b"]);
    assert.equal(runs.length, 2 * 26);
    for (const { ratio } of finalists) assert.ok(Math.abs(ratio - 1) < 0.3, `${ratio}`);
    runs.length = 0;
    await play({ rounds: 3 });
    assert.equal(runs.length, 2 * 4);
  });

  it("goes on with the times of an earlier race", async () => {
    const { runs, play } = machine({ a: 11, b: 10 });
    const earlier = [Array<number>(6).fill(11), Array<number>(6).fill(10)];
    assert.deepEqual(ratios(await play({ earlier })), { b: 1 });
    assert.equal(runs.length, 2 * 2, "a first run and the seventh round");
  });

  it("is clear where one is left or the others differ by less than matters", () => {
    const runs = (candidate: string, ratio: number) => ({ candidate, times: Array<number>(8).fill(10 * ratio) });
    const marginOf = (candidate: string) => (candidate === "lean" ? 0.1 : 0.02);
    assert.ok(isClear([runs("a", 1)], marginOf));
    assert.ok(isClear([runs("a", 1), runs("b", 1.01)], marginOf));
    assert.ok(!isClear([runs("a", 1), runs("b", 1.05)], marginOf));
    assert.ok(isClear([runs("a", 1), runs("lean", 1.05)], marginOf));
  });

  it("runs a single candidate once, and has nothing to say of none", async () => {
    assert.deepEqual(ratios(await machine({ a: 10 }).play()), { a: 1 });
    assert.deepEqual(await machine({}).play(), []);
  });

  it("bounds a median as the sign test does", () => {
    const values = (count: number) => Array.from({ length: count }, (_, i) => count - i);
    assert.deepEqual(medianBounds([]), [0, Number.POSITIVE_INFINITY]);
    assert.deepEqual(medianBounds(values(6)), [0, Number.POSITIVE_INFINITY]); // one of 2⁶ is more than a hundredth
    assert.deepEqual(medianBounds(values(7)), [1, 7]);
    assert.deepEqual(medianBounds(values(10)), [1, 10]); // (1 + 10) / 2¹⁰ is more
    assert.deepEqual(medianBounds(values(11)), [2, 10]); // (1 + 11) / 2¹¹ is not
    assert.deepEqual(medianBounds(values(25)), [7, 19]);
  });

  it("compares within rounds: ratios to the one that is mostly fastest, and not to the one with the shortest time", () => {
    const ratios = ratiosToFastest([
      [20, 40, 5],
      [10, 20, 40],
    ]);
    assert.deepEqual(ratios, [
      [2, 2, 0.125],
      [1, 1, 1],
    ]);
    assert.deepEqual([median([3, 1, 2]), median([4, 1, 2, 3])], [2, 2.5]);
  });
});
