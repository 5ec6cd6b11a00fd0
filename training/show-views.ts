// A contact sheet of views, so that a person can see what the encoder is asked to call the same.
import sharp from "sharp";
import type { TrainingConfig } from "./config.ts";
import type { Dataset } from "./data/dataset.ts";
import { createRandom } from "./data/random.ts";
import { compile, input } from "./graph/index.ts";
import { allocateViewMatrices, drawView } from "./moco/view-matrices.ts";
import { view, viewFeeds } from "./moco/views.ts";

const AS_IT_IS = { mean: [0, 0, 0], std: [1, 1, 1] };

/**
 * Random views of some images, computed by the graph that training uses.
 *
 * @param indices Images of the data set, which has the configuration's stored size.
 * @returns RGB bytes [indices.length, S, S, 3].
 */
export async function renderViews(
  dataset: Dataset,
  config: Pick<TrainingConfig, "imageSize" | "storedSize" | "views" | "seed">,
  indices: readonly number[],
): Promise<Uint8Array> {
  const { imageSize: S, storedSize } = config;
  const B = indices.length;
  const images = new Uint8Array(B * storedSize * storedSize * 3);
  await dataset.read(indices, images);
  const random = createRandom(config.seed);
  const matrices = allocateViewMatrices(B, storedSize, S);
  indices.forEach((index, n) => {
    const original = { width: dataset.originalWidths[index]!, height: dataset.originalHeights[index]! };
    drawView(random, config.views, { from: storedSize, to: S }, original, matrices, n);
  });
  const stored = input("images", [B, storedSize, storedSize, 3], "uint8");
  const graph = await compile({ views: view(stored, "view", S, AS_IT_IS) });
  const { views } = await graph.run({ images, ...viewFeeds("view", matrices) });
  await graph.release();
  const pixels = new Uint8Array(B * S * S * 3);
  for (let i = 0; i < pixels.length; i++) {
    const [place, channel] = [Math.floor(i / 3), i % 3];
    const [n, at] = [Math.floor(place / (S * S)), place % (S * S)];
    pixels[i] = Math.round(255 * (views![(n * 3 + channel) * S * S + at] as number));
  }
  return pixels;
}

/** Columns of a sheet: the stored image, then its views. */
const VIEWS_OF_EACH = 8;
/** Side of a picture on the sheet, pixels, at least. */
const LEAST_SIDE = 96;

/** Writes a sheet of up to `rows` images spread over the collection, each beside eight views of it; the format follows the file's name. */
export async function writeViewSheet(
  path: string,
  dataset: Dataset,
  config: Pick<TrainingConfig, "imageSize" | "storedSize" | "views" | "seed">,
  rows = 8,
): Promise<void> {
  const { imageSize: S, storedSize } = config;
  const shown = Array.from({ length: Math.min(rows, dataset.count) }, (_, i) => Math.floor((i * dataset.count) / rows));
  const views = await renderViews(
    dataset,
    config,
    shown.flatMap((index) => new Array<number>(VIEWS_OF_EACH).fill(index)),
  );
  const originals = new Uint8Array(shown.length * storedSize * storedSize * 3);
  await dataset.read(shown, originals);
  const side = Math.max(LEAST_SIDE, S);
  const gap = 4;
  const tile = async (pixels: Uint8Array, n: number, size: number, row: number, column: number) => ({
    input: await sharp(pixels.subarray(n * size * size * 3, (n + 1) * size * size * 3), {
      raw: { width: size, height: size, channels: 3 },
    })
      .resize(side, side, { kernel: "nearest" })
      .png()
      .toBuffer(),
    top: gap + row * (side + gap),
    left: gap + column * (side + gap),
  });
  const tiles = shown.flatMap((_, row) => [
    tile(originals, row, storedSize, row, 0),
    ...Array.from({ length: VIEWS_OF_EACH }, (_, i) => tile(views, row * VIEWS_OF_EACH + i, S, row, i + 1)),
  ]);
  await sharp({
    create: {
      width: gap + (VIEWS_OF_EACH + 1) * (side + gap),
      height: gap + shown.length * (side + gap),
      channels: 3,
      background: "#ffffff",
    },
  })
    .composite(await Promise.all(tiles))
    .toFile(path);
}
