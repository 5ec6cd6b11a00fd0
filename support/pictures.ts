// Image files for tests, made when they are needed.
import sharp, { type Sharp } from "sharp";
import { mulberry32 } from "./tiny-model.ts";

/** A picture of smooth random colours; another seed gives another picture. */
export function picture(seed: number, { width = 64, height = 48 }: { width?: number; height?: number } = {}): Sharp {
  const random = mulberry32(seed);
  const small = Uint8Array.from({ length: 8 * 6 * 3 }, () => Math.floor(random() * 256));
  const raw = { width: 8, height: 6, channels: 3 } as const;
  return sharp(small, { raw }).resize(width, height, { fit: "fill", kernel: "cubic" });
}

/** {@link picture} as a PNG file. */
export function png(seed: number, size?: { width?: number; height?: number }): Promise<Buffer> {
  return picture(seed, size).png().toBuffer();
}
