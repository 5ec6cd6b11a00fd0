// How well search by shape finds things of the clicked kind: labelled regions of CamVid's scenes as queries among the
// regions of the other scenes, beside search with a box and with the whole image.
//
//   npm run bench:shapes -- --camvid camvid.tar.gz
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { Command } from "commander";
import { type Region as Box, decodeImage, readImageInfo } from "../core/decode.ts";
import { openEncoder } from "../core/encoder-session.ts";
import { findImages } from "../core/find-images.ts";
import { readModel } from "../core/model-folder.ts";
import { packageRoot } from "../core/paths.ts";
import { nearest } from "../core/vector.ts";
import { planCut } from "../server/shapes/crops.ts";
import { boxOf } from "../server/shapes/mask.ts";
import { embedRegion } from "../server/shapes/region.ts";
import { see } from "../server/shapes/see.ts";
import { type SeenPicture, segment } from "../server/shapes/segment.ts";
import { createRandom } from "../training/data/random.ts";
import { readScenes, type Scene } from "../training/transfer/scenes.ts";
import { overlap, type Region, regionsOf } from "./shapes/regions.ts";

const flags = new Command("bench:shapes")
  .requiredOption("--camvid <archive>", "CamVid as {train,val}/images and {train,val}/masks; 11 is not labelled")
  .option("--part <part>", "scenes of train or val", "val")
  .option("--queries <number>", "regions that are clicked on", Number, 50)
  .option("--apart <number>", "frames of a drive that are nearer than this are not searched", Number, 60)
  .option("--every <number>", "every so manyth scene", Number, 1)
  .option("--model <name>", "model to measure", "default")
  .option("--models <folder>", "folder of the models", join(packageRoot(), "models"))
  .option("--work <folder>", "where the archive is unpacked", "bench-data")
  .option("--threads <number>", "threads (default: all cores)", Number)
  .parse()
  .opts<{
    camvid: string;
    part: "train" | "val";
    queries: number;
    apart: number;
    every: number;
    model: string;
    models: string;
    work: string;
    threads?: number;
  }>();
/** Regions are at least this share of their scene. */
const LEAST_SHARE = 0.01;
const NOT_LABELLED = 11;
/** Side of the box around a click where nothing is known of the thing, of the image's longer side. */
const CLICK_BOX = 0.25;

const unpacked = join(flags.work, "camvid");
if (!existsSync(unpacked)) {
  await mkdir(unpacked, { recursive: true });
  await promisify(execFile)("tar", ["-xf", flags.camvid, "-C", unpacked]);
}
const { files } = findImages(unpacked);
const folder = dirname(dirname(dirname(files.find(({ path }) => path.includes(join(flags.part, "images")))!.path)));
const { scenes } = await readScenes(folder, flags.part, { ignore: [NOT_LABELLED] });
const encoder = await openEncoder(await readModel(flags.models, flags.model), {
  ...(flags.threads && { threads: flags.threads }),
});
const { card } = encoder;
/** A picture looked at closely, as the server does. */
async function lookAt(bytes: Uint8Array): Promise<SeenPicture> {
  const displayed = await readImageInfo(bytes);
  const { width, height } = planCut(displayed, card.input);
  return see(encoder, { pixels: await decodeImage(bytes, { width, height, fit: "fill" }), displayed });
}

/** A region with every embedding that may be searched with or for. */
interface Embedded {
  readonly region: Region;
  readonly labelled: Float32Array;
  readonly box: Float32Array;
}
const embedPart = async (bytes: Uint8Array, part?: Box) => encoder.embed(await decodeImage(bytes, card.input, part), 1);
const bytesOf = ({ name }: Scene) => readFile(join(folder, flags.part, "images", name));

const seen = new Map<Scene, SeenPicture>();
const regions: Embedded[] = [];
let seeing = 0;
for (const scene of scenes.filter((_, i) => i % flags.every === 0)) {
  const bytes = await bytesOf(scene);
  const began = performance.now();
  const picture = await lookAt(bytes);
  seeing += performance.now() - began;
  seen.set(scene, picture);
  for (const region of regionsOf(scene, LEAST_SHARE)) {
    const labelled = embedRegion(picture.cells, region.mask);
    regions.push({ region, labelled, box: await embedPart(bytes, boxOf(region.mask, scene)) });
  }
}

// Classes in turn, so that the many of some do not outweigh the few of others; of each in random order.
const random = createRandom(1);
const ofClass = new Map<number, Embedded[]>();
for (const i of random.permutation(regions.length)) {
  const one = regions[i]!;
  ofClass.set(one.region.label, [...(ofClass.get(one.region.label) ?? []), one]);
}
const queries: Embedded[] = [];
const turns = [...ofClass.values()].filter((all) => all.length >= 5);
for (let turn = 0; queries.length < flags.queries && turns.some((all) => turn < all.length); turn++) {
  queries.push(...turns.flatMap((all) => all.slice(turn, turn + 1)).slice(0, flags.queries - queries.length));
}

type Way = "shape" | "labelled mask" | "box around" | "box around, among boxes" | "box at the click" | "whole image";
const ways = new Map<Way, { recallAt1: number; recallAt10: number; precisionAt10: number }>();
const frame = ({ name }: Scene) => {
  const [, drive = name, number = "0"] = /^(\w+?)_\D*(\d+)/.exec(name) ?? [];
  return { drive, number: Number(number) };
};
const [ious, counts]: [number[], number[]] = [[], []];
let segmenting = 0;
for (const query of queries) {
  const { scene, click, label } = query.region;
  const own = frame(scene);
  const others = regions.filter(({ region }) => {
    const { drive, number } = frame(region.scene);
    return drive !== own.drive || Math.abs(number - own.number) >= flags.apart;
  });
  counts.push(others.length);
  const bytes = await bytesOf(scene);
  const began = performance.now();
  const mask = segment(seen.get(scene)!, { inside: [click], outside: [] });
  segmenting += performance.now() - began;
  ious.push(overlap(query.region, mask));
  const side = Math.round(CLICK_BOX * Math.max(scene.width, scene.height));
  const start = (at: number, length: number) =>
    Math.min(Math.max(Math.round(at * length - side / 2), 0), length - side);
  const atClick = { x: start(click.x, scene.width), y: start(click.y, scene.height), width: side, height: side };
  const asked: Record<Way, [Float32Array, "labelled" | "box"]> = {
    shape: [embedRegion(seen.get(scene)!.cells, mask), "labelled"],
    "labelled mask": [query.labelled, "labelled"],
    "box around": [query.box, "labelled"],
    "box around, among boxes": [query.box, "box"],
    "box at the click": [await embedPart(bytes, atClick), "labelled"],
    "whole image": [await embedPart(bytes), "labelled"],
  };
  for (const [way, [vector, among]] of Object.entries(asked) as Array<[Way, [Float32Array, "labelled" | "box"]]>) {
    const rows = Float32Array.from(others.flatMap((other) => [...other[among]]));
    const found = nearest(vector, rows, 10).map(({ index }) => others[index]!.region.label === label);
    const sums = ways.get(way) ?? { recallAt1: 0, recallAt10: 0, precisionAt10: 0 };
    sums.recallAt1 += Number(found[0]);
    sums.recallAt10 += Number(found.includes(true));
    sums.precisionAt10 += found.filter(Boolean).length / found.length;
    ways.set(way, sums);
  }
}
await encoder.close();

const percent = (sum: number) => ((100 * sum) / queries.length).toFixed(1);
const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
console.log(
  `${queries.length} regions of ${turns.length} classes among ${Math.round(mean(counts))} of ${seen.size} scenes (${regions.length} regions, those of frames nearer than ${flags.apart} left out)`,
);
console.log("| searched with | recall@1 % | recall@10 % | precision@10 % |");
console.log("| :-- | --: | --: | --: |");
for (const [way, { recallAt1, recallAt10, precisionAt10 }] of ways) {
  console.log(`| ${[way, percent(recallAt1), percent(recallAt10), percent(precisionAt10)].join(" | ")} |`);
}
console.log(`Mask IoU ${(100 * mean(ious)).toFixed(1)} %, median ${(100 * median(ious)).toFixed(1)} %`);
console.log(
  `${(seeing / seen.size).toFixed(0)} ms to see a picture, ${(segmenting / queries.length).toFixed(0)} ms for its mask`,
);

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1]!;
}
