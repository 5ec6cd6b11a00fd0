import assert from "node:assert/strict";
import { join } from "node:path";
import { temporaryFolder } from "../../../support/temporary-folder.ts";
import { TINY_CONFIG, writePictures } from "../../../support/tiny-training.ts";
import { recipeOf } from "../../../training/config/recipes.ts";
import { parseTrainingConfig, type TrainingConfig } from "../../../training/config/schema.ts";
import { settle } from "../../../training/config/settle.ts";
import { type Dataset, openDataset } from "../../../training/data/dataset.ts";
import type { Values } from "../../../training/graph/index.ts";
import { createBatches } from "../../../training/run/batches.ts";

describe("createBatches", () => {
  const config = (more: Partial<TrainingConfig> = {}) =>
    parseTrainingConfig({
      ...settle(recipeOf("auto", { images: 64, side: 16, device: "cpu", memory: 2 ** 33 }), {}).config,
      ...TINY_CONFIG,
      ...more,
    });
  let dataset: Dataset;
  let remove: () => Promise<void>;

  before(async () => {
    const temporary = await temporaryFolder();
    const images = await writePictures(temporary.folder, 20);
    const shape = { width: 16, height: 16, fit: "fill" } as const;
    dataset = await openDataset([images], shape, { cacheFolder: join(temporary.folder, "cache") });
    remove = async () => {
      await dataset.close();
      await temporary.remove();
    };
  });
  after(() => remove());

  /** The feeds of steps `from`..`to`−1, copied. */
  const steps = async (from: number, to: number, more?: Partial<TrainingConfig>) => {
    const batches = createBatches(dataset, config(more), from);
    const feeds: Values[] = [];
    for (let step = from; step < to; step++) feeds.push(structuredClone((await batches.next()).feeds));
    return feeds;
  };

  it("gives a step what depends on the seed and its number alone, across epochs", async () => {
    const all = await steps(0, 7);
    for (let from = 1; from < 7; from++) assert.deepEqual((await steps(from, from + 1))[0], all[from], `step ${from}`);
    assert.notDeepEqual(await steps(0, 1, { seed: 2 }), all.slice(0, 1));
    assert.notDeepEqual(all[0], all[1]);
  });

  it("gives two different views, and a shuffle with its inverse", async () => {
    const [feeds] = await steps(0, 1);
    assert.notDeepEqual(feeds!["query.rows"], feeds!["key.rows"]);
    const { shuffle, unshuffle } = feeds as Record<string, BigInt64Array>;
    assert.deepEqual(
      Array.from(unshuffle!, (at) => shuffle![Number(at)]),
      [0n, 1n, 2n, 3n, 4n, 5n, 6n, 7n],
    );
    assert.equal("shuffle" in (await steps(0, 1, { bnGroups: 1 }))[0]!, false);
  });

  it("pairs each image with a neighbour, whose key it takes", async () => {
    const k = 2;
    const indices = BigInt64Array.from({ length: 20 * k }, (_, at) => BigInt((Math.floor(at / k) + 1 + (at % k)) % 20));
    const batches = createBatches(dataset, config(), 0, { k, indices });
    assert.equal(batches.stepsPerEpoch, 5);
    const turns: number[] = [];
    for (let step = 0; step < 5; step++) {
      const batch = await batches.next();
      const images = [...batch.indices.subarray(0, 4)];
      turns.push(...images);
      for (const [n, image] of images.entries()) {
        assert.ok([1, 2].includes((batch.indices[n + 4]! - image + 20) % 20), `${batch.indices}`);
      }
      const { shuffle, unshuffle } = batch.feeds as Record<string, BigInt64Array>;
      assert.deepEqual(
        Array.from(unshuffle!, (at) => shuffle![Number(at)]),
        [4n, 5n, 6n, 7n, 0n, 1n, 2n, 3n],
      );
    }
    assert.deepEqual(
      turns.sort((a, b) => a - b),
      [...Array(20).keys()],
    );
  });

  it("reads the images that the step's indices name, each once in an epoch", async () => {
    const feeds = await steps(0, 2);
    const image = (bytes: Uint8Array, n: number) => Buffer.from(bytes.subarray(n * 768, n * 768 + 768)).toString("hex");
    const stored = new Uint8Array(20 * 768);
    await dataset.read([...Array(20).keys()], stored);
    const known = new Set(Array.from({ length: 20 }, (_, n) => image(stored, n)));
    const seen = feeds.flatMap(({ images }) => Array.from({ length: 8 }, (_, n) => image(images as Uint8Array, n)));
    assert.equal(new Set(seen).size, 16);
    assert.ok(seen.every((one) => known.has(one)));
  });
});
