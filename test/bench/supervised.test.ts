// The supervised twin of an encoder.
import assert from "node:assert/strict";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import sharp from "sharp";
import { compileSupervised } from "../../bench/transfer/supervised-step.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";
import { TINY_CONFIG } from "../../support/tiny-training.ts";
import { learningRateAt } from "../../training/optimize/schedule.ts";
import { createBatches } from "../../training/run/batches.ts";
import { prepare } from "../../training/run/prepare.ts";
import { decodeWeights, encodeWeights } from "../../training/run/warm-start.ts";

const SIDE = 16;
const STEPS = 80;

/** Writes pictures of lines, `across` and `down`, that begin anywhere: crops and mirrored ones keep their label. */
async function writeLines(folder: string): Promise<string> {
  for (const label of ["across", "down"]) {
    await mkdir(join(folder, label), { recursive: true });
    for (let n = 0; n < 24; n++) {
      const at = (x: number, y: number) => (((label === "down" ? x : y) + n) % 4 < 2 ? 40 + n : 200 - n);
      const pixels = Uint8Array.from({ length: SIDE * SIDE }, (_, i) => at(i % SIDE, Math.floor(i / SIDE)));
      const file = join(folder, label, `${n}.png`);
      await sharp(pixels, { raw: { width: SIDE, height: SIDE, channels: 1 } }).toFile(file);
    }
  }
  return folder;
}

describe("a supervised training", () => {
  it("learns labels, and gives its encoder without the classifier", async () => {
    const { folder, remove } = await temporaryFolder();
    const { config, dataset } = await prepare({
      images: [await writeLines(join(folder, "images"))],
      config: TINY_CONFIG,
      cacheFolder: join(folder, "cache"),
    });
    const step = await compileSupervised(config, 2, { threads: 1 });
    const batches = createBatches(dataset, config, 0);
    const right: number[] = [];
    for (let n = 0; n < STEPS; n++) {
      const { indices, feeds } = await batches.next();
      const labels = Array.from(indices, (i) => Number(dataset.labels![i] === "down"));
      const rate = learningRateAt(n / STEPS, config.learningRate, config.schedule);
      right.push((await step.run(feeds, { labels, rate })).accuracy);
    }
    const last = right.slice(-20);
    const share = last.reduce((sum, one) => sum + one, 0) / last.length;
    assert.ok(share > 0.9, `${share} of the last labels are right`);
    const { weights } = decodeWeights(encodeWeights(config, await step.encoder()), "supervised.safetensors");
    assert.ok(weights.has("layer1.0.conv1.weight") && ![...weights.keys()].some((name) => name.startsWith("fc.")));
    await step.release();
    await dataset.close();
    await remove();
  });
});
