import assert from "node:assert/strict";
import fc from "fast-check";
import { createSampler } from "../../../training/data/sampler.ts";

describe("sampler", () => {
  it("gives every image at most once an epoch, drops the rest, and orders epochs differently", () => {
    const sampler = createSampler(103, { batchSize: 10, seed: 1 });
    assert.equal(sampler.batchesPerEpoch, 10);
    const epochs = Array.from({ length: 3 }, () => Array.from({ length: 10 }, () => [...sampler.next()]).flat());
    for (const epoch of epochs) {
      assert.equal(new Set(epoch).size, 100);
      assert.ok(epoch.every((index) => index < 103));
    }
    assert.notDeepEqual(epochs[0], epochs[1]);
    assert.deepEqual(sampler.position(), { epoch: 3, batch: 0 });
  });

  it("continues exactly where it was saved, in mid-epoch too", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 40 }),
        fc.integer({ min: 1, max: 12 }),
        fc.integer({ min: 0, max: 30 }),
        (extra, batchSize, steps) => {
          const count = batchSize + extra;
          const sampler = createSampler(count, { batchSize, seed: 5 });
          for (let i = 0; i < steps; i++) sampler.next();
          const start = JSON.parse(JSON.stringify(sampler.position()));
          const resumed = createSampler(count, { batchSize, seed: 5, start });
          for (let i = 0; i < 15; i++) assert.deepEqual(resumed.next(), sampler.next());
        },
      ),
    );
  });

  it("refuses fewer images than a batch, and a position past the end", () => {
    assert.throws(() => createSampler(9, { batchSize: 10, seed: 1 }), { code: "invalid_dataset" });
    assert.throws(() => createSampler(20, { batchSize: 10, seed: 1, start: { epoch: 0, batch: 2 } }), RangeError);
  });
});
