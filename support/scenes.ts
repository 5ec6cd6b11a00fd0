// Pictures with masks for tests: red boxes (class 1) and blue discs (class 2) on green (class 0), with noise.
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import sharp from "sharp";
import { mulberry32 } from "./tiny-model.ts";

const SIDE = 32;
const COLOURS = [
  [60, 140, 70],
  [170, 60, 60],
  [60, 70, 170],
] as const;

/** Writes `<folder>/{train,val}/{images,masks}`; the same pictures every time. */
export async function writeScenes(folder: string, counts: { train: number; val: number }): Promise<void> {
  let seed = 1;
  for (const part of ["train", "val"] as const) {
    for (const kind of ["images", "masks"]) await mkdir(join(folder, part, kind), { recursive: true });
    for (let n = 0; n < counts[part]; n++) await writeScene(join(folder, part), `${n}.png`, mulberry32(seed++));
  }
}

async function writeScene(folder: string, name: string, random: () => number): Promise<void> {
  const between = (from: number, to: number) => from + random() * (to - from);
  const box = { x: between(2, 16), y: between(2, 16), width: between(6, 14), height: between(6, 14) };
  const disc = { x: between(8, 24), y: between(8, 24), radius: between(3, 7) };
  const classes = Uint8Array.from({ length: SIDE * SIDE }, (_, i) => {
    const [x, y] = [i % SIDE, Math.floor(i / SIDE)];
    if (Math.hypot(x - disc.x, y - disc.y) < disc.radius) return 2;
    return x > box.x && x < box.x + box.width && y > box.y && y < box.y + box.height ? 1 : 0;
  });
  const noisy = (value: number) => Math.round(Math.min(Math.max(value + between(-50, 50), 0), 255));
  const pixels = Uint8Array.from({ length: 3 * SIDE * SIDE }, (_, i) =>
    noisy(COLOURS[classes[Math.floor(i / 3)]!]![i % 3]!),
  );
  const size = { width: SIDE, height: SIDE };
  await sharp(pixels, { raw: { ...size, channels: 3 } })
    .png()
    .toFile(join(folder, "images", name));
  await sharp(classes, { raw: { ...size, channels: 1 } })
    .png()
    .toFile(join(folder, "masks", name));
}
