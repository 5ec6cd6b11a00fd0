import assert from "node:assert/strict";
import { join } from "node:path";
import { openDataset } from "../../../training/data/dataset.ts";
import { embedDataset } from "../../../training/evaluate/embed-dataset.ts";
import { embedPixels } from "../../../training/evaluate/pixels.ts";
import { png, withFolder, writeFiles } from "../data/fixtures.ts";

describe("embedDataset", () => {
  it("embeds every image in order, the last batch smaller", () =>
    withFolder(async (folder) => {
      for (let i = 0; i < 7; i++) await writeFiles(folder, { [`images/${i}.png`]: await png(10 * i, 0, 1) });
      const shape = { width: 2, height: 1, fit: "fill" } as const;
      const dataset = await openDataset([join(folder, "images")], shape, { cacheFolder: join(folder, "cache") });
      const counts: number[] = [];
      const progress: number[] = [];
      const embed = (pixels: Uint8Array, count: number) => {
        counts.push(count);
        return Float32Array.from({ length: count * 2 }, (_, i) => pixels[Math.floor(i / 2) * 6 + (i % 2) * 2]!);
      };
      const embeddings = await embedDataset(dataset, embed, {
        batchSize: 3,
        onProgress: (done) => progress.push(done),
      });
      await dataset.close();
      assert.deepEqual([...embeddings], [0, 1, 10, 1, 20, 1, 30, 1, 40, 1, 50, 1, 60, 1]);
      assert.deepEqual(counts, [3, 3, 1]);
      assert.deepEqual(progress, [3, 6, 7]);
    }));
});

describe("embedPixels", () => {
  it("gives the correlation of pixels as cosine similarity", () => {
    const images = [
      [0, 10, 20, 30, 40, 50],
      [100, 110, 120, 130, 140, 150],
      [50, 40, 30, 20, 10, 0],
      [7, 7, 7, 7, 7, 7],
    ];
    const embeddings = embedPixels(Uint8Array.from(images.flat()), 4);
    const row = (i: number) => embeddings.subarray(i * 6, (i + 1) * 6);
    const similarity = (i: number, j: number) => row(i).reduce((sum, value, d) => sum + value * row(j)[d]!, 0);
    for (const [i, j, expected] of [
      [0, 0, 1],
      [0, 1, 1],
      [0, 2, -1],
      [0, 3, 0],
    ] as const) {
      assert.ok(Math.abs(similarity(i, j) - expected) < 1e-6);
    }
  });
});
