import assert from "node:assert/strict";
import { createRandom } from "../../../training/data/random.ts";
import { randomStream, STREAMS } from "../../../training/data/streams.ts";

describe("random streams", () => {
  it("no two uses share a stream, and all are streams of a seed", () => {
    const uses = Object.values(STREAMS).sort((a, b) => a.first - b.first);
    uses.forEach(({ first, count }, i) => {
      assert.ok(count >= 1 && first + count <= (uses[i + 1]?.first ?? 2 ** 32), `${first} with ${count}`);
    });
  });

  it("steps, epochs and initial values keep theirs: checkpoints lean on it", () => {
    const first = (stream: number) => createRandom(7, stream).uint32();
    assert.equal(randomStream(7, "step", 12).uint32(), first(12));
    assert.equal(randomStream(7, "epoch", 3).uint32(), first(2 ** 31 + 3));
    assert.equal(randomStream(7, "bankSample", 12).uint32(), first(2 ** 30 + 12));
    assert.equal(randomStream(7, "initialValues").uint32(), first(2 ** 32 - 1));
  });

  it("refuses a number that would be another use's stream", () => {
    assert.throws(() => randomStream(1, "step", 2 ** 30), /0\.\.1073741823 of step but received 1073741824/);
    assert.throws(() => randomStream(1, "sample", 1), RangeError);
    assert.throws(() => randomStream(1, "epoch", -1), RangeError);
  });
});
