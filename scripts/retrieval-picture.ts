// docs/images/retrieval.png: queries that the model never saw, each with its nearest images, from the best found to the
// worst.
//
//   npx tsx scripts/retrieval-picture.ts --train cifar-10.tar.gz#train --test cifar-10.tar.gz#test

import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Command } from "commander";
import sharp from "sharp";
import { openEncoder } from "../core/encoder-session.ts";
import { MODELS_FOLDER, readModel } from "../core/model-folder.ts";
import { packageRoot } from "../core/paths.ts";
import { percent } from "../core/percent.ts";
import { largest } from "../core/vector.ts";
import { openDataset } from "../training/data/dataset.ts";
import { embedDataset } from "../training/evaluate/embed-dataset.ts";
import { compareAll } from "../training/evaluate/similarities.ts";

const flags = new Command("retrieval-picture")
  .requiredOption("--train <images...>", "labelled images to find")
  .requiredOption("--test <images...>", "labelled images to search with")
  .option("--model <name>", "model to search with", "default")
  .option("--models <folder>", "folder of the models", MODELS_FOLDER)
  .option("--out <file>", "picture to write", join(packageRoot(), "docs", "images", "retrieval.png"))
  .parse()
  .opts<{ train: string[]; test: string[]; model: string; models: string; out: string }>();

const QUERIES = 12;
const NEIGHBOURS = 10;
/** Pixels: side of a picture, width of its frame, between two. */
const [SIDE, FRAME, GAP] = [64, 3, 6];
const RIGHT = "#2f9e44";
const WRONG = "#e03131";

const model = await readModel(flags.models, flags.model);
const [database, queries] = await Promise.all([load(flags.train), load(flags.test)]);

const found: Array<{ query: number; nearest: number[]; right: number }> = [];
await compareAll(queries, database, (query, similarities) => {
  const nearest = largest(similarities, NEIGHBOURS).map(({ index }) => index);
  const right = nearest.filter((image) => database.labels[image] === queries.labels[query]).length;
  found.push({ query, nearest, right });
});
// As good and as bad as they come: evenly spaced in the order of how many of the nearest show the same thing.
found.sort((a, b) => b.right - a.right);
const shown = Array.from({ length: QUERIES }, (_, i) => found[Math.round(((i + 0.5) / QUERIES) * found.length)]!);

const tiles = await Promise.all(
  shown.flatMap(({ query, nearest }, row) => [
    tile(queries.dataset, query, "#868e96", row, 0),
    ...nearest.map((image, i) => {
      const right = database.labels[image] === queries.labels[query];
      return tile(database.dataset, image, right ? RIGHT : WRONG, row, i + 1);
    }),
  ]),
);
const step = SIDE + 2 * FRAME + GAP;
const size = { width: (NEIGHBOURS + 1) * step + 3 * GAP, height: QUERIES * step - GAP };
const picture = sharp({ create: { ...size, channels: 4, background: { r: 0, g: 0, b: 0, alpha: 0 } } });
await writeFile(flags.out, await picture.composite(tiles).png({ palette: true }).toBuffer());
await Promise.all([database.dataset.close(), queries.dataset.close()]);

const share = found.reduce((sum, { right }) => sum + right, 0) / (found.length * NEIGHBOURS);
console.log(`${flags.out}: ${percent(share)} of all ${NEIGHBOURS} nearest have the query's label.`);
console.log(shown.map(({ query, right }) => `${queries.labels[query]} ${right}/${NEIGHBOURS}`).join(", "));

/** Images with their embeddings and labels. */
async function load(paths: readonly string[]) {
  const dataset = await openDataset(paths, model.card.input);
  if (!dataset.labels) throw new Error(`Expected images in folders named by their label in ${paths.join(", ")}`);
  const encoder = await openEncoder(model);
  const embeddings = await embedDataset(dataset, encoder.embed);
  await encoder.close();
  return { dataset, embeddings, labels: dataset.labels };
}

/** An image in a frame, at its place in the picture. */
async function tile(dataset: typeof database.dataset, index: number, frame: string, row: number, column: number) {
  const { width, height } = dataset;
  const pixels = new Uint8Array(width * height * 3);
  await dataset.read([index], pixels);
  const image = sharp(pixels, { raw: { width, height, channels: 3 } }).resize(SIDE, SIDE);
  const border = { top: FRAME, bottom: FRAME, left: FRAME, right: FRAME, background: frame };
  const framed = await image.extend(border).png().toBuffer();
  const step = SIDE + 2 * FRAME + GAP;
  return { input: framed, left: column * step + (column > 0 ? 3 * GAP : 0), top: row * step };
}
