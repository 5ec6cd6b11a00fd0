// Pictures that look and weigh like photographs, though nobody took them: the same ones for the same seeds, without any
// data set. What they show is their label.
import sharp from "sharp";
import { createClient } from "../../client/index.ts";
import { mulberry32 } from "../tiny-model.ts";
import { makeTextures, TEXTURE, type Textures } from "./noise.ts";
import { landSvg, SCENES, skySvg, TIMES, type Time } from "./scenes.ts";

/** Sizes, pixels: the aspects of cameras, phones, screens, squares and a panorama. */
const SHAPES = [
  [480, 320],
  [320, 480],
  [480, 360],
  [360, 480],
  [480, 320],
  [400, 400],
  [512, 288],
  [288, 512],
  [480, 320],
  [720, 240],
] as const;
const LABELS = Object.keys(SCENES);
const TIMES_OF_DAY = Object.keys(TIMES) as Time[];
/** Every so often one is taken twice: a little brighter and smaller. */
const TWICE = 50;
/** Images of one request. */
const BATCH = 20;

export interface Photograph {
  readonly name: string;
  readonly bytes: Buffer;
  readonly metadata: { readonly label: string; readonly time: string; readonly taken: string; readonly name: string };
}

let textures: Promise<Textures> | undefined;

export async function photograph(number: number): Promise<Photograph> {
  sharp.unblock({ operation: ["VipsForeignLoadSvg"] }); // a server in this process has blocked it
  textures ??= makeTextures();
  const { grain, clouds } = await textures;
  const isSecond = number % TWICE === TWICE - 1;
  const seed = isSecond ? number - 1 : number;
  const random = mulberry32(seed + 1);
  random(); // the first numbers of neighbouring seeds are alike
  const [label, time] = [pick(LABELS, random), pick(TIMES_OF_DAY, random)];
  const [width, height] = SHAPES[seed % SHAPES.length]!;
  const canvas = { width, height, time, random };
  const partOf = async (texture: Buffer) => ({
    input: await sharp(texture, { raw: { width: TEXTURE, height: TEXTURE, channels: 4 } })
      .extract({
        ...{ left: Math.floor(random() * (TEXTURE - width)), top: Math.floor(random() * (TEXTURE - height)) },
        ...{ width, height },
      })
      .raw()
      .toBuffer(),
    raw: { width, height, channels: 4 as const },
  });
  const layers = [
    ...(time === "night" || random() < 0.25 ? [] : [await partOf(pick(clouds, random))]),
    { input: landSvg(canvas, label) },
    { ...(await partOf(pick(grain, random))), blend: "soft-light" as const },
  ];
  const whole = sharp(skySvg(canvas)).composite(layers);
  const bytes = isSecond
    ? await sharp(await whole.png().toBuffer())
        .resize(Math.round(width * 0.9))
        .modulate({ brightness: 1.04 })
        .jpeg()
        .toBuffer()
    : await whole.jpeg({ quality: 90 }).toBuffer();
  const taken = new Date(Date.UTC(2024, 0, 1 + (seed % 730))).toISOString().slice(0, 10);
  const name = `IMG_${String(number).padStart(4, "0")}.jpg`;
  return { name, bytes, metadata: { label, time, taken, name } };
}

/** Stores the first `count` photographs. */
export async function storePhotographs(url: string, count: number): Promise<void> {
  const client = createClient(url);
  let stored: Promise<unknown> = Promise.resolve();
  for (let from = 0; from < count; from += BATCH) {
    const made = Promise.all(Array.from({ length: Math.min(BATCH, count - from) }, (_, i) => photograph(from + i)));
    const [files] = await Promise.all([made, stored]); // the next are made while these are stored
    stored = client.storeImages(files, { metadata: files.map(({ metadata }) => metadata) });
  }
  await stored;
}

const pick = <T>(some: readonly T[], random: () => number): T => some[Math.floor(random() * some.length)]!;
