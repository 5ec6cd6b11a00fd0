// Pictures that weigh what photographs weigh: clouds of colour at the sizes and aspects of a camera.
import sharp from "sharp";
import { createClient } from "../../client/index.ts";
import { mulberry32 } from "../../support/tiny-model.ts";

const SHAPES = [
  [640, 480],
  [480, 640],
  [640, 427],
  [512, 512],
  [800, 450],
] as const;
/** Images of one request. */
const BATCH = 16;

/** Stores `count` different pictures. */
export async function storeScenes(url: string, count: number): Promise<void> {
  const client = createClient(url);
  for (let from = 0; from < count; from += BATCH) {
    const seeds = Array.from({ length: Math.min(BATCH, count - from) }, (_, i) => from + i);
    const files = await Promise.all(seeds.map(async (seed) => ({ name: `${seed}.jpg`, bytes: await scene(seed) })));
    await client.storeImages(files, {
      metadata: seeds.map((seed) => ({ label: `scene ${seed % 20}`, name: `${seed}.jpg` })),
    });
  }
}

/** A JPEG: a few random pixels drawn large and smooth. */
async function scene(seed: number): Promise<Buffer> {
  const random = mulberry32(seed + 1);
  const [width, height] = SHAPES[seed % SHAPES.length]!;
  const pixels = Buffer.from(Uint8Array.from({ length: 8 * 6 * 3 }, () => 256 * random()));
  return sharp(pixels, { raw: { width: 8, height: 6, channels: 3 } })
    .resize(width, height, { fit: "fill", kernel: "cubic" })
    .jpeg({ quality: 85 })
    .toBuffer();
}
