// The proof's images: the samples turned, tinted and brightened, each by its number; no two are the same.
import sharp from "sharp";
import { readSamples } from "../cli/demo/samples.ts";

/** Makes the image files numbered 0 to `count` − 1. */
export async function makePictures(count: number): Promise<Buffer[]> {
  const samples = (await readSamples("collection")).map(({ bytes }) => bytes);
  return Promise.all(Array.from({ length: count }, (_, i) => vary(samples[i % samples.length]!, i)));
}

function vary(sample: Uint8Array, number: number): Promise<Buffer> {
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
