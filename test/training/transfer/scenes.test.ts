import assert from "node:assert/strict";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import sharp, { type Sharp } from "sharp";
import { picture, pngFile } from "../../../support/pictures.ts";
import { temporaryFolder } from "../../../support/temporary-folder.ts";
import { readScenes } from "../../../training/transfer/scenes.ts";

const [WIDTH, HEIGHT] = [12, 8];

/** A mask with the left half of the first value and the right half of the second. */
function mask([left, right]: readonly [number, number], channels: 1 | 3 = 1, [width, height] = [WIDTH, HEIGHT]) {
  const values = Uint8Array.from({ length: width! * height! * channels }, (_, i) =>
    Math.floor(i / channels) % width! < width! / 2 ? left : right,
  );
  return sharp(values, { raw: { width: width!, height: height!, channels } }).png();
}

describe("images with masks", () => {
  let folder: string;
  let remove: () => Promise<void>;

  beforeEach(async () => {
    ({ folder, remove } = await temporaryFolder());
    for (const part of ["images", "masks"]) await mkdir(join(folder, "train", part), { recursive: true });
    for (const name of ["b", "a"]) {
      await picture(1, { width: WIDTH, height: HEIGHT })
        .png()
        .toFile(join(folder, "train", "images", `${name}.png`));
      await mask(name === "a" ? [0, 2] : [1, 255]).toFile(join(folder, "train", "masks", `${name}.png`));
    }
  });
  afterEach(() => remove());

  const fails = (expected: RegExp, options = {}) =>
    assert.rejects(readScenes(folder, "train", options), { code: "invalid_dataset", message: expected });
  const replaced = (content: Sharp) => content.toFile(join(folder, "train", "masks", "a.png"));

  it("are read in the order of their names, each in its size", async () => {
    const { scenes, classes } = await readScenes(folder, "train");
    assert.equal(classes, 3);
    assert.deepEqual(
      scenes.map(({ name }) => name),
      ["a.png", "b.png"],
    );
    assert.deepEqual([scenes[0]!.width, scenes[0]!.height], [WIDTH, HEIGHT]);
    assert.deepEqual([...scenes[0]!.labels.slice(4, 8)], [0, 0, 2, 2]);
    assert.deepEqual([...scenes[1]!.labels.slice(4, 8)], [1, 1, -1, -1]);
    assert.equal(scenes[0]!.pixels.length, 3 * WIDTH * HEIGHT);
  });

  it("may have masks of three equal channels, and JPEG images", async () => {
    await replaced(mask([2, 1], 3));
    await rm(join(folder, "train", "images", "a.png"));
    await picture(1, { width: WIDTH, height: HEIGHT })
      .jpeg()
      .toFile(join(folder, "train", "images", "a.jpg"));
    const { scenes } = await readScenes(folder, "train");
    assert.deepEqual([...scenes[0]!.labels.slice(5, 7)], [2, 1]);
  });

  it("say which values are not labelled", async () => {
    const { scenes, classes } = await readScenes(folder, "train", { ignore: [2, 255] });
    assert.equal(classes, 2);
    assert.equal(scenes[0]!.labels[WIDTH - 1], -1);
  });

  it("refuse a folder that is not there", () =>
    assert.rejects(readScenes(folder, "val"), {
      message: /Expected the folder .*val.images but there is none\. Put images in/,
    }));

  it("refuse a folder without images", async () => {
    await rm(join(folder, "train", "images"), { recursive: true });
    await mkdir(join(folder, "train", "images"));
    await fails(/Expected images in .* but there are none/);
  });

  it("refuse an image without a mask", async () => {
    await rm(join(folder, "train", "masks", "a.png"));
    await fails(/Expected the mask .*a\.png of .*a\.png but there is none/);
  });

  it("refuse a mask of another size", async () => {
    await replaced(mask([0, 1], 1, [WIDTH, HEIGHT + 2]));
    await fails(/Expected a mask of 12×8 pixels.*a\.png has 12×10\. Make it of the image's size/);
  });

  it("refuse a mask with colours", async () => {
    await replaced(picture(3, { width: WIDTH, height: HEIGHT }).png());
    await fails(/a\.png: Expected an image of numbers, 8 bits and grey, but it has colours/);
  });

  it("refuse a mask of 16 bits", async () => {
    const values = new Uint16Array(WIDTH * HEIGHT).fill(500);
    const raw = { width: WIDTH, height: HEIGHT, channels: 1 } as const;
    await replaced(sharp(values, { raw }).toColourspace("grey16").png());
    await fails(/but it has values of type ushort/);
  });

  it("refuse a mask of 4 bits, which decoders stretch to 255", async () => {
    const rows = new Uint8Array(HEIGHT * (1 + WIDTH / 2));
    const mask = pngFile({ width: WIDTH, height: HEIGHT, bits: 4, colourType: 0 }, rows);
    await writeFile(join(folder, "train", "masks", "a.png"), mask);
    await fails(/but it has 4 bits a value/);
  });

  it("refuse a mask that is no image", async () => {
    await writeFile(join(folder, "train", "masks", "a.png"), "none");
    await fails(/a\.png: Expected a JPEG, PNG/);
  });

  it("refuse a class that is out of range", () =>
    fails(/Expected classes 0 to 1 in .*a\.png but it has 2\. .*--ignore 2.*--classes 3/, { classes: 2 }));
});
