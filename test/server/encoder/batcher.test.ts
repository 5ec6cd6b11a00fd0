import assert from "node:assert/strict";
import { setImmediate as turn } from "node:timers/promises";
import { createBatcher } from "../../../server/encoder/batcher.ts";

/** A batcher whose runs wait for `release`; each image is one byte n and its embedding [cos n, sin n]. */
function slowBatcher({ maxBatch = 8, maxWaiting = 100 } = {}) {
  const batches: number[][] = [];
  const releases: Array<(error?: Error) => void> = [];
  const batcher = createBatcher({
    imageBytes: 1,
    dimensions: 2,
    maxBatch,
    maxWaiting,
    run: (pixels) =>
      new Promise((resolve, reject) => {
        batches.push([...pixels]);
        const embeddings = Float32Array.from(
          [...pixels].flatMap((n) => (n === 255 ? [NaN, 0] : [Math.cos(n), Math.sin(n)])),
        );
        releases.push((error) => (error ? reject(error) : resolve(embeddings)));
      }),
  });
  const embed = (n: number) => batcher.embed(async () => Uint8Array.of(n));
  const release = async (error?: Error) => {
    for (const go of releases.splice(0)) go(error);
    await turn();
    await turn();
  };
  return { batcher, batches, embed, release };
}

describe("batcher", () => {
  it("sends the largest batch that waits, in powers of two, and gives each image its own embedding", async () => {
    const { batches, embed, release } = slowBatcher();
    const first = embed(0);
    await turn();
    await turn();
    const others = Promise.all([1, 2, 3, 4, 5, 6].map((n) => embed(n)));
    await turn();
    await turn();
    assert.deepEqual(batches, [[0], [1, 2, 3, 4]]);
    await release();
    assert.deepEqual(batches[2], [5, 6]);
    await release();
    for (const [n, embedding] of [await first, ...(await others)].entries()) {
      assert.deepEqual(embedding, Float32Array.of(Math.cos(n), Math.sin(n)));
    }
  });

  it("refuses images when too many wait", async () => {
    const { embed, release } = slowBatcher({ maxWaiting: 2 });
    const accepted = [embed(1), embed(2)];
    await assert.rejects(embed(4), { code: "overloaded" });
    await turn();
    await turn();
    await release();
    await release();
    await Promise.all(accepted);
    const again = embed(5);
    await turn();
    await turn();
    await release();
    await again;
  });

  it("fails the images of a failed run, and only an image whose embedding is not a number", async () => {
    const { embed, release } = slowBatcher();
    const failing = Promise.allSettled([embed(1), embed(2)]);
    await turn();
    await turn();
    await release(new Error("died"));
    assert.ok((await failing).every(({ status }) => status === "rejected"));
    const good = embed(1);
    const bad = assert.rejects(embed(255), { code: "no_embedding" });
    await turn();
    await turn();
    await release();
    await Promise.all([good, bad]);
  });
});
