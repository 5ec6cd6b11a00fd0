// Pictures for a person to look at: images with their views, images with their nearest neighbours.
import sharp from "sharp";
import type { TrainingConfig } from "../config/schema.ts";
import type { Dataset } from "../data/dataset.ts";
import { createRandom } from "../data/random.ts";
import type { Neighbourhood } from "../evaluate/monitor.ts";
import { compile, input } from "../graph/index.ts";
import { allocateViewMatrices, drawView } from "../views/draw.ts";
import { view, viewFeeds } from "../views/graph.ts";

/** RGB bytes [side, side, 3] of one picture. */
type Tile = Uint8Array;

/**
 * A PNG of square tiles in rows; the first column stands apart.
 *
 * @param side Of a tile, pixels.
 */
async function contactSheet(rows: readonly (readonly Tile[])[], side: number): Promise<Buffer> {
  const gap = Math.max(1, side >> 4);
  const apart = gap * 4;
  const columns = Math.max(...rows.map((row) => row.length));
  const width = columns * (side + gap) + apart;
  const height = rows.length * (side + gap);
  const tiles = rows.flatMap((row, r) =>
    row.map((tile, c) => ({
      input: Buffer.from(tile),
      raw: { width: side, height: side, channels: 3 as const },
      left: c * (side + gap) + (c > 0 ? apart : 0),
      top: r * (side + gap),
    })),
  );
  const background = { r: 0, g: 0, b: 0, alpha: 0 };
  return sharp({ create: { width, height, channels: 4, background } })
    .composite(tiles)
    .png()
    .toBuffer();
}

/** A row for each of the first images that the run sees: the image as it is kept, and views of it. */
export async function viewsSheet(
  dataset: Dataset,
  config: TrainingConfig,
  { images: count = 6, views = 8 }: { images?: number; views?: number } = {},
): Promise<Buffer> {
  const { storedSize: S0, imageSize: S, seed } = config;
  const random = createRandom(seed);
  const indices = random.permutation(dataset.count).subarray(0, count);
  const pixels = await readTiles(dataset, indices);
  const images = input("images", [indices.length, S0, S0, 3], "uint8");
  const graph = await compile({ view: view(images, "view", S, { mean: [0, 0, 0], std: [1, 1, 1] }) }, { threads: 1 });
  const rows = await Promise.all(pixels.map(async (tile) => [await resized(tile, S0, S)]));
  for (let n = 0; n < views; n++) {
    const matrices = allocateViewMatrices(indices.length, S0, S);
    indices.forEach((index, i) => {
      const original = { width: dataset.originalWidths[index]!, height: dataset.originalHeights[index]! };
      drawView(random, config.views, { from: S0, to: S }, original, matrices, i);
    });
    const out = await graph.run({ images: Buffer.concat(pixels), ...viewFeeds("view", matrices) });
    rows.forEach((row, i) => {
      row.push(asTile((out.view as Float32Array).subarray(i * 3 * S * S, (i + 1) * 3 * S * S)));
    });
  }
  await graph.release();
  return contactSheet(rows, S);
}

/** A row for each image: itself and its neighbours, nearest first. */
export async function neighboursSheet(dataset: Dataset, neighbourhoods: readonly Neighbourhood[]): Promise<Buffer> {
  const rows = neighbourhoods.map(({ image, neighbours }) =>
    readTiles(dataset, [image, ...neighbours.map((neighbour) => neighbour.image)]),
  );
  return contactSheet(await Promise.all(rows), dataset.width);
}

async function readTiles(dataset: Dataset, indices: ArrayLike<number>): Promise<Tile[]> {
  const length = dataset.width * dataset.height * 3;
  const pixels = new Uint8Array(indices.length * length);
  await dataset.read(indices, pixels);
  return Array.from(indices, (_, n) => pixels.subarray(n * length, (n + 1) * length));
}

async function resized(tile: Tile, from: number, to: number): Promise<Tile> {
  return sharp(tile, { raw: { width: from, height: from, channels: 3 } })
    .resize(to, to)
    .raw()
    .toBuffer();
}

/** [3, S, S] of 0..1 → bytes [S, S, 3]. */
function asTile(planes: Float32Array): Tile {
  const area = planes.length / 3;
  return Uint8Array.from(planes, (_, i) => Math.round(255 * planes[(i % 3) * area + Math.floor(i / 3)]!));
}
