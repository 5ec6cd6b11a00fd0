// Draws samples/fashion-mnist.tar.gz from Fashion-MNIST (Debian package dataset-fashion-mnist), the same bytes at every
// run:
//   npx tsx scripts/make-samples.ts [/usr/share/datasets/fashion-mnist]
import { createWriteStream } from "node:fs";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";
import sharp from "sharp";
import { type Pack, pack } from "tar-stream";
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

/** An image of an archive. */
interface Entry {
  readonly name: string;
  readonly png: Buffer;
}

/** The first `perLabel` images of every label, in the order of the file, as `<folder>/<label>/<nnnn>.png`. */
async function drawSamples(source: string, set: "train" | "t10k", folder: string, perLabel: number): Promise<Entry[]> {
  const labels = readIdx(join(source, `${set}-labels-idx1-ubyte.gz`));
  const drawn = LABELS.map(() => 0);
  const entries: Entry[] = [];
  for await (const { shape, bytes } of readIdx(join(source, `${set}-images-idx3-ubyte.gz`))) {
    const label: number = (await labels.next()).value.bytes[0];
    if (drawn[label]! >= perLabel) continue;
    const name = `${folder}/${LABELS[label]}/${String(drawn[label]).padStart(4, "0")}.png`;
    drawn[label]!++;
    const [height, width] = shape as [number, number];
    const png = await sharp(bytes, { raw: { width, height, channels: 1 } })
      .toColourspace("b-w")
      .png({ compressionLevel: 9, adaptiveFiltering: true })
      .toBuffer();
    entries.push({ name, png });
  }
  return entries.sort((a, b) => (a.name < b.name ? -1 : 1));
}

function add(archive: Pack, { name, png }: Entry): void {
  archive.entry({ name, mtime: new Date(0), mode: 0o644 }, png);
}

const source = process.argv[2] ?? "/usr/share/datasets/fashion-mnist";
const archive = pack();
for (const entry of await drawSamples(source, "train", "collection", 200)) add(archive, entry);
for (const entry of await drawSamples(source, "t10k", "queries", 40)) add(archive, entry);
archive.finalize();
await pipeline(
  archive,
  createGzip({ level: 9 }),
  createWriteStream(join(packageRoot(), "samples", "fashion-mnist.tar.gz")),
);
