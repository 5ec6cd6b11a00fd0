// Textures whose spectrum falls with frequency as that of photographs does: sums of random grids, each twice as fine
// and half as strong as the one before.
import sharp from "sharp";
import { mulberry32 } from "../tiny-model.ts";

/** Side of a texture, pixels. */
export const TEXTURE = 800;

/** One texture, values 0..255 of [TEXTURE, TEXTURE], stretched over the whole range. */
async function texture(seed: number): Promise<Uint8Array> {
  const random = mulberry32(seed);
  const sum = new Float32Array(TEXTURE * TEXTURE);
  for (let side = 4; side <= 512; side *= 2) {
    const grid = Buffer.from(Uint8Array.from({ length: side * side }, () => 256 * random()));
    const octave = await sharp(grid, { raw: { width: side, height: side, channels: 1 } })
      .resize(TEXTURE, TEXTURE, { kernel: "cubic" })
      .extractChannel(0)
      .raw()
      .toBuffer();
    for (let i = 0; i < sum.length; i++) sum[i]! += octave[i]! / side ** 0.85;
  }
  let [least, most] = [Number.POSITIVE_INFINITY, 0];
  for (const value of sum) [least, most] = [Math.min(least, value), Math.max(most, value)];
  return Uint8Array.from(sum, (value) => (255 * (value - least)) / (most - least));
}

/** Textures as RGBA pictures: grain for surfaces, and clouds, which are white where the texture is bright. */
export interface Textures {
  readonly grain: readonly Buffer[];
  readonly clouds: readonly Buffer[];
}

const NUMBER = 3;

export async function makeTextures(): Promise<Textures> {
  const values = await Promise.all(Array.from({ length: 2 * NUMBER }, (_, seed) => texture(seed + 1)));
  const rgba = (texture: Uint8Array, pixelOf: (value: number) => readonly [grey: number, opacity: number]) => {
    const table = Array.from({ length: 256 }, (_, value) => pixelOf(value));
    const pixels = Buffer.alloc(texture.length * 4);
    for (let i = 0; i < texture.length; i++) {
      const [grey, opacity] = table[texture[i]!]!;
      pixels[4 * i] = pixels[4 * i + 1] = pixels[4 * i + 2] = grey;
      pixels[4 * i + 3] = opacity;
    }
    return pixels;
  };
  return {
    grain: values.slice(0, NUMBER).map((one) => rgba(one, (value) => [value, 255])),
    clouds: values
      .slice(NUMBER)
      .map((one) => rgba(one, (value) => [255, Math.max(0, Math.min(235, 4 * (value - 120)))])),
  };
}
