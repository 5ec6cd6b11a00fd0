// The proof's images: the samples turned, tinted and brightened, each by its number; no two are the same.
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import sharp from "sharp";
import { packageRoot } from "../core/paths.ts";

/** Makes the image files numbered 0 to `count` − 1. */
export async function makePictures(count: number): Promise<Buffer[]> {
  const folder = join(packageRoot(), "samples", "collection");
  const names = (await readdir(folder, { recursive: true })).filter((name) => name.endsWith(".png")).sort();
  const samples = await Promise.all(names.map((name) => readFile(join(folder, name))));
  return Promise.all(Array.from({ length: count }, (_, i) => vary(samples[i % samples.length]!, i)));
}

function vary(sample: Buffer, number: number): Promise<Buffer> {
  const colour = { r: (number * 37) % 256, g: (number * 59) % 256, b: (number * 83) % 256 };
  return sharp(sample)
    .rotate((number * 7) % 360, { background: colour })
    .resize(48, 48)
    .tint(colour)
    .linear(0.7 + (number % 7) / 10, number % 31)
    .withExif({ IFD0: { ImageDescription: String(number) } })
    .png()
    .toBuffer();
}
