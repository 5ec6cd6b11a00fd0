// Draws samples/ from Fashion-MNIST (Debian package dataset-fashion-mnist), the same files at every run:
//   npx tsx scripts/make-samples.ts [/usr/share/datasets/fashion-mnist]
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import sharp from "sharp";
import { packageRoot } from "../core/paths.ts";
import { readIdx } from "../training/data/idx.ts";

const LABELS = [
  "t-shirt",
  "trouser",
  "pullover",
  "dress",
  "coat",
  "sandal",
  "shirt",
  "sneaker",
  "bag",
  "ankle-boot",
] as const;

/** Writes the first `perLabel` images of every label, in the order of the file, as `<folder>/<label>/<nnnn>.png`. */
async function drawSamples(source: string, set: "train" | "t10k", folder: string, perLabel: number): Promise<void> {
  await rm(folder, { recursive: true, force: true });
  for (const label of LABELS) await mkdir(join(folder, label), { recursive: true });
  const labels = readIdx(join(source, `${set}-labels-idx1-ubyte.gz`));
  const drawn = LABELS.map(() => 0);
  for await (const { shape, bytes } of readIdx(join(source, `${set}-images-idx3-ubyte.gz`))) {
    const label: number = (await labels.next()).value.bytes[0];
    if (drawn[label]! >= perLabel) continue;
    const name = `${String(drawn[label]).padStart(4, "0")}.png`;
    drawn[label]!++;
    const [height, width] = shape as [number, number];
    const png = await sharp(bytes, { raw: { width, height, channels: 1 } })
      .toColourspace("b-w")
      .png({ compressionLevel: 9, adaptiveFiltering: true })
      .toBuffer();
    await writeFile(join(folder, LABELS[label]!, name), png);
  }
}

const source = process.argv[2] ?? "/usr/share/datasets/fashion-mnist";
await drawSamples(source, "train", join(packageRoot(), "samples/collection"), 200);
await drawSamples(source, "t10k", join(packageRoot(), "samples/queries"), 40);
