// Which embedding is best to search with? A run's encoder exported in several ways, each measured on the same labelled
// images: every image is searched for among the others.
//
//   npm run bench:embeddings -- runs/photos labelled-photos/
import { Command } from "commander";
import { openEncoder } from "../core/encoder-session.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { openDataset } from "../training/data/dataset.ts";
import { embedDataset } from "../training/evaluate/embed-dataset.ts";
import { retrieval } from "../training/evaluate/retrieval.ts";
import { exportRun } from "../training/export/again.ts";
import type { EmbeddingChoice } from "../training/export/fitted.ts";
import type { FeatureOptions } from "../training/network/encoder.ts";

const program = new Command("bench:embeddings")
  .argument("<run>", "folder of the run")
  .argument("<images...>", "labelled images, not those that it was trained on")
  .option("--threads <number>", "threads of the engine", Number, 1)
  .parse();
const [runFolder, ...images] = program.args as [string, ...string[]];
const { threads } = program.opts<{ threads: number }>();

const whitened = (dimensions: number, strength: number, more: FeatureOptions = {}): EmbeddingChoice => ({
  kind: "whitened",
  dimensions,
  strength,
  stages: 1,
  layout: 0,
  ...more,
});
const CHOICES: Readonly<Record<string, EmbeddingChoice>> = {
  "pooled features": { kind: "features" },
  projection: { kind: "projection" },
  "turned (PCA) to 128": whitened(128, 0),
  "whitened by half to 256": whitened(256, 0.5),
  "whitened by half to 128": whitened(128, 0.5),
  "whitened by half to 64": whitened(64, 0.5),
  "whitened fully to 256": whitened(256, 1),
  "whitened fully to 128": whitened(128, 1),
  "whitened fully to 64": whitened(64, 1),
  "two stages, whitened by half to 128": whitened(128, 0.5, { stages: 2 }),
  "two stages, whitened fully to 128": whitened(128, 1, { stages: 2 }),
  "two stages and layout, whitened by half to 128": whitened(128, 0.5, { stages: 2, layout: 0.4 }),
  "two stages and layout, whitened by half to 256": whitened(256, 0.5, { stages: 2, layout: 0.4 }),
  "mirrored, whitened by half to 128": whitened(128, 0.5, { mirrored: true }),
  "mirrored, two stages, whitened by half to 128": whitened(128, 0.5, { mirrored: true, stages: 2 }),
};
/**
 * Bytes that hnswlib keeps of a vector besides its numbers, M 16: 2·16 links of the lowest layer, their count, a label,
 * and others.
 */
const LINK_BYTES = 2 * 16 * 4 + 4 + 8 + 12;

console.log("| embedding | dimensions | recall@1 | recall@10 | mAP | MB of index a million | ms an image |");
console.log("| :-- | --: | --: | --: | --: | --: | --: |");
const { folder, remove } = await temporaryFolder();
for (const [name, embedding] of Object.entries(CHOICES)) {
  const model = await exportRun({ runFolder, name: "candidate", modelsFolder: folder, replace: true, embedding });
  const { input, dimensions } = model.card;
  const dataset = await openDataset(images, input);
  const encoder = await openEncoder(model, { threads });
  const began = performance.now();
  const embeddings = await embedDataset(dataset, encoder.embed);
  const milliseconds = (performance.now() - began) / dataset.count;
  await encoder.close();
  const { recallAt1, recallAt10, mAP } = await retrieval({ embeddings, labels: dataset.labels! });
  await dataset.close();
  const shares = [recallAt1, recallAt10, mAP].map((share) => (100 * share).toFixed(1));
  const megabytes = (4 * dimensions + LINK_BYTES).toFixed(0);
  console.log(`| ${[name, dimensions, ...shares, megabytes, milliseconds.toFixed(2)].join(" | ")} |`);
}
await remove();
