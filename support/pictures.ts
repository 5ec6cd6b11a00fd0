// Image files for tests, made when they are needed.
import { crc32, deflateSync } from "node:zlib";
import sharp, { type Sharp } from "sharp";
import { mulberry32 } from "./tiny-model.ts";

/** A picture of smooth random colours; another seed gives another picture. */
export function picture(seed: number, { width = 64, height = 48 }: { width?: number; height?: number } = {}): Sharp {
  const random = mulberry32(seed);
  const small = Uint8Array.from({ length: 8 * 6 * 3 }, () => Math.floor(random() * 256));
  const raw = { width: 8, height: 6, channels: 3 } as const;
  return sharp(small, { raw }).resize(width, height, { fit: "fill", kernel: "cubic" });
}

/** {@link picture} as a PNG file. Tests ask for the same ones over and over, so they are made once. */
export async function png(seed: number, size: { width?: number; height?: number } = {}): Promise<Buffer> {
  const name = `${seed} ${size.width} ${size.height}`;
  const made = PNGS.get(name) ?? picture(seed, size).png().toBuffer();
  PNGS.set(name, made);
  return Buffer.from(await made); // the caller's own, to damage as it likes
}
const PNGS = new Map<string, Promise<Buffer>>();

/** A PNG file of one row of black pixels whose header claims another size. */
export const pngWithHeader = (width: number, height: number): Buffer =>
  pngFile({ width, height, bits: 8, colourType: 2 }, new Uint8Array(1 + width * 3));

/**
 * A PNG file from its parts: bits a value, colour type (0 grey, 2 RGB), and its rows, each after a byte of 0, before
 * they are compressed.
 */
export function pngFile(
  { width, height, bits, colourType }: { width: number; height: number; bits: number; colourType: 0 | 2 },
  rows: Uint8Array,
): Buffer {
  const chunk = (type: string, data: Uint8Array) => {
    const body = Buffer.concat([Buffer.from(type), data]);
    const framed = Buffer.alloc(body.length + 8);
    framed.writeUInt32BE(data.length);
    body.copy(framed, 4);
    framed.writeUInt32BE(crc32(body), body.length + 4);
    return framed;
  };
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width);
  header.writeUInt32BE(height, 4);
  header.set([bits, colourType, 0, 0, 0], 8);
  return Buffer.concat([
    Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]),
    chunk("IHDR", header),
    chunk("IDAT", deflateSync(rows)),
    chunk("IEND", new Uint8Array(0)),
  ]);
}
