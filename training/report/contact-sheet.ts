// Pictures for a person to look at: images with their views, images with their nearest neighbours.
import sharp from "sharp";
import type { TrainingConfig } from "../config/schema.ts";
import type { Dataset } from "../data/dataset.ts";
import { randomStream } from "../data/streams.ts";
import type { Neighbourhood } from "../evaluate/monitor.ts";
import { compile, input } from "../graph/index.ts";
import { drawViews } from "../views/batch.ts";
import { viewsOf } from "../views/graph.ts";
import type { ViewSpec } from "../views/recipe.ts";

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

/** A row for each of some images, drawn at random: the image as it is stored, and views of it. */
export async function viewsSheet(
  dataset: Dataset,
  config: TrainingConfig,
  { images: count = 6, views: columns = 8 }: { images?: number; views?: number } = {},
): Promise<Buffer> {
  const { storedSize: S0, imageSize: S, seed } = config;
  const random = randomStream(seed, "viewsSheet");
  const indices = random.permutation(dataset.count).subarray(0, count);
  const views = Array.from(
    { length: columns },
    (_, n): ViewSpec => ({ name: `view${n}`, size: S, recipe: config.views }),
  );
  const pixels = await readTiles(dataset, indices);
  const images = input("images", [indices.length, S0, S0, 3], "uint8");
  const graph = await compile(viewsOf(images, views, { mean: [0, 0, 0], std: [1, 1, 1] }), { threads: 1 });
  const out = await graph.run({ images: Buffer.concat(pixels), ...drawViews(random, views, dataset, indices) });
  await graph.release();
  const length = 3 * S * S;
  const rows = pixels.map(async (tile, i) => [
    await resized(tile, S0, S),
    ...views.map(({ name }) => asTile((out[name] as Float32Array).subarray(i * length, (i + 1) * length))),
  ]);
  return contactSheet(await Promise.all(rows), S);
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
