import assert from "node:assert/strict";
import { type EpochMetrics, verdict } from "../../../training/evaluate/verdict.ts";

const healthy: EpochMetrics = {
  loss: 6,
  contrastiveAccuracy: 0.4,
  spread: 0.9,
  effectiveRank: 60,
  dimensions: 128,
  queueSize: 4096,
  images: 50_000,
  imagesSeen: 50_000,
  imagesSeenBefore: 0,
};

/** Epochs of 50,000 images, from the first on, that differ from a healthy one as said. */
const epochs = (...changes: Partial<EpochMetrics>[]) =>
  changes.map((change, i) => ({ ...healthy, imagesSeen: 50_000 * (i + 1), imagesSeenBefore: 50_000 * i, ...change }));

describe("verdict", () => {
  const expect = (history: EpochMetrics[], state: string, message: RegExp) => {
    const actual = verdict(history);
    assert.equal(actual.state, state);
    assert.match(actual.message, message);
    assert.ok(actual.message.startsWith(state), "the message begins with the state");
  };

  it("says that the queue is filling in the epochs that begin before it is full", () => {
    expect(epochs({ loss: 5 }), "queue filling", /rise of the loss is expected/);
    expect(epochs({ queueSize: 20_000, imagesSeen: 5000 }), "queue filling", /\(25\.0 %\)/);
    const seen = [5000, 10_000, 15_000].map((imagesSeen) => ({
      ...healthy,
      queueSize: 12_000,
      imagesSeen,
      imagesSeenBefore: imagesSeen - 5000,
    }));
    expect(seen, "queue filling", /\(full since this epoch\)/);
    expect(
      [...seen, { ...healthy, queueSize: 12_000, imagesSeen: 20_000, imagesSeenBefore: 15_000 }],
      "learning",
      /loss/,
    );
  });

  it("does not call it a collapse while the queue is filling", () => {
    expect(epochs({ spread: 0.05 }), "queue filling", /expected/);
  });

  it("says what it sees of learning", () => {
    expect(
      epochs({}, { loss: 7 }, { loss: 6.5, knn: 0.48 }),
      "learning",
      /loss 7\.00 → 6\.50, 40\.0 % .* kNN 48\.0 %\.$/,
    );
    expect(epochs({}, { loss: 7 }), "learning", /loss 7\.00, /);
  });

  it("recognises a collapse to one point and to a few dimensions", () => {
    expect(epochs({}, { spread: 0.02, effectiveRank: 1.1 }), "collapsed", /nearly all embeddings are the same .* Try/);
    expect(epochs({}, { effectiveRank: 2.4 }), "collapsed", /2\.4 of 128 dimensions.* Try/);
  });

  it("recognises a batch-norm leak by kNN or by held-back images", () => {
    const leak = epochs(
      { knn: 0.36 },
      { knn: 0.38, contrastiveAccuracy: 0.9 },
      { knn: 0.31, contrastiveAccuracy: 0.999 },
    );
    expect(leak, "batch-norm leak", /99\.9 % while kNN falls \(31\.0 % from 38\.0 %\).*shuffled BN/);
    const held = epochs({}, { contrastiveAccuracy: 0.97, evaluationAccuracy: 0.3 });
    expect(held, "batch-norm leak", /30\.0 % with running statistics/);
  });

  it("does not call it a leak where kNN rises and held-back images agree", () => {
    const fine = { knn: 0.8, contrastiveAccuracy: 0.97, evaluationAccuracy: 0.95 };
    expect(epochs({ knn: 0.7 }, fine), "learning", /97\.0 %/);
  });

  it("says that the task is too easy where nothing tells a leak from weak views", () => {
    expect(epochs({}, { contrastiveAccuracy: 0.995 }), "too easy", /4096 negatives.*stronger views/);
  });

  it("recognises a queue that holds much of the collection, at once, and proposes one", () => {
    const message = /1\.3 epochs of 50000 images.*queue of about 4096/;
    expect(epochs({ queueSize: 65_536 }), "queue too large", message);
    expect(epochs({}, {}, { queueSize: 65_536 }), "queue too large", message);
    expect(epochs({ queueSize: 30_000 }), "queue too large", /0\.6 epochs/);
    expect(epochs({ queueSize: 100, images: 60 }), "queue too large", /about 16/);
  });

  it("recognises that neither loss nor kNN improves, counted from when the queue was full", () => {
    const flat = { loss: 7, knn: 0.3 };
    expect(epochs({ loss: 6 }, flat, flat, flat, flat, flat), "stalled", /nor kNN risen for 4 epochs/);
    expect(epochs({ loss: 6 }, flat, flat, flat, flat), "learning", /loss/);
    expect(epochs({}, flat, flat, flat, flat, { loss: 7, knn: 0.32 }), "learning", /kNN 32/);
    expect(epochs({}, flat, flat, flat, flat, { loss: 6.8, knn: 0.3 }), "learning", /7\.00 → 6\.80/);
    const unlabelled = { loss: 7 };
    expect(
      epochs({}, unlabelled, unlabelled, unlabelled, unlabelled, unlabelled),
      "stalled",
      /the loss has not fallen for/,
    );
  });

  it("recognises a loss that is not a number before anything else", () => {
    expect(epochs({}, { loss: Number.NaN, spread: 0 }), "diverged", /lower learning rate/);
    expect(epochs({ loss: Number.POSITIVE_INFINITY }), "diverged", /Infinity/);
  });

  it("needs an epoch", () => {
    assert.throws(() => verdict([]), RangeError);
  });
});
