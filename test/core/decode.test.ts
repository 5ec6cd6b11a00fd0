import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import sharp, { type Color, type Sharp } from "sharp";
import { decodeImage, makeThumbnail, readImageInfo, resizePixels, sniffImageType } from "../../core/decode.ts";
import { decodeHeic } from "../../core/heic.ts";
import { packageRoot } from "../../core/paths.ts";
import { pngWithHeader } from "../../support/pictures.ts";

const FIXTURES = join(packageRoot(), "test", "fixtures");
const SHAPE = { width: 4, height: 4, fit: "fill" } as const;

const RED = { r: 255, g: 0, b: 0 };
const BLUE = { r: 0, g: 0, b: 255 };

const canvas = (width: number, height: number, background: Color, channels: 3 | 4 = 3) =>
  sharp({ create: { width, height, channels, background } });

/** A picture of 16 × 8 whose left half is red and right half blue. */
const redLeftBlueRight = async () =>
  canvas(16, 8, RED).composite([{ input: await canvas(8, 8, BLUE).png().toBuffer(), left: 8, top: 0 }]);

const rgbAt = (pixels: Uint8Array, x: number, y: number, width: number) => [
  ...pixels.subarray((y * width + x) * 3, (y * width + x) * 3 + 3),
];

function assertNear(actual: number[], expected: number[], tolerance: number) {
  assert.ok(
    actual.every((value, i) => Math.abs(value - expected[i]!) <= tolerance),
    `${actual}, expected ${expected} ± ${tolerance}`,
  );
}

const decodeFirst = async (bytes: Uint8Array) => rgbAt(await decodeImage(bytes, SHAPE), 0, 0, 4);

describe("decodeImage", () => {
  for (const [type, encode, tolerance] of [
    ["jpeg", (image: Sharp) => image.jpeg({ quality: 100 }), 4],
    ["png", (image: Sharp) => image.png(), 0],
    ["webp", (image: Sharp) => image.webp({ lossless: true }), 0],
    ["avif", (image: Sharp) => image.avif({ quality: 100 }), 6],
    ["tiff", (image: Sharp) => image.tiff(), 2],
    ["gif", (image: Sharp) => image.gif(), 0],
  ] as const) {
    it(`decodes ${type}`, async () => {
      const bytes = await encode(canvas(20, 10, { r: 200, g: 100, b: 50 })).toBuffer();
      assert.equal(sniffImageType(bytes), type);
      assert.deepEqual(await readImageInfo(bytes), { type, width: 20, height: 10 });
      const pixels = await decodeImage(bytes, SHAPE);
      assert.equal(pixels.length, 4 * 4 * 3);
      for (let i = 0; i < 16; i++) assertNear(rgbAt(pixels, i, 0, 4), [200, 100, 50], tolerance);
    });
  }

  it("decodes heic, upright as its container says, and whatever general brand comes first", async () => {
    const bytes = await readFile(join(FIXTURES, "red-blue.heic"));
    assert.equal(sniffImageType(bytes), "heic");
    assert.deepEqual(await readImageInfo(bytes), { type: "heic", width: 64, height: 64 });
    const pixels = await decodeImage(bytes, SHAPE);
    assertNear(rgbAt(pixels, 0, 0, 4), [255, 0, 0], 6);
    assertNear(rgbAt(pixels, 3, 0, 4), [0, 0, 255], 6);
    assertNear(rgbAt(await decodeImage(bytes, SHAPE, { x: 40, y: 0, width: 20, height: 20 }), 0, 0, 4), [0, 0, 255], 6);
    const turned = await decodeImage(await readFile(join(FIXTURES, "turned.heic")), SHAPE); // by 90° anticlockwise
    assertNear(rgbAt(turned, 0, 0, 4), [0, 0, 255], 6);
    assertNear(rgbAt(turned, 0, 3, 4), [255, 0, 0], 6);
    assert.equal((await sharp(await makeThumbnail(bytes, 32)).metadata()).width, 32);

    const general = Buffer.from(bytes);
    general.write("mif1", 8);
    assert.equal(sniffImageType(general), "heic");
    assert.deepEqual(await decodeImage(general, SHAPE), pixels);
    await assert.rejects(decodeImage(bytes, SHAPE, undefined, 1000), { code: "image_too_many_pixels" });
    await assert.rejects(decodeImage(bytes.subarray(0, -20), SHAPE), { code: "corrupt_image" });
  });

  it("says nothing on stdout of a heic file that cannot be decoded", async () => {
    const { log } = console;
    const said: unknown[] = [];
    const write = process.stdout.write;
    process.stdout.write = (text: string | Uint8Array) => said.push(text) > 0;
    const file = Buffer.from(`\0\0\0\x18ftypheic\0\0\0\0mif1heic${"7".repeat(100)}`, "latin1");
    await assert.rejects(decodeHeic(file)).finally(() => (process.stdout.write = write));
    assert.deepEqual(said, []);
    assert.equal(console.log, log);
  });

  it("decodes other sub-types: progressive JPEG, palette PNG, interlaced PNG, compressed TIFF", async () => {
    const image = canvas(20, 10, { r: 200, g: 100, b: 50 });
    for (const bytes of [
      await image.clone().jpeg({ progressive: true, quality: 100 }).toBuffer(),
      await image.clone().png({ palette: true }).toBuffer(),
      await image.clone().png({ progressive: true }).toBuffer(),
      await image.clone().tiff({ compression: "lzw" }).toBuffer(),
      await image.clone().tiff({ compression: "deflate", predictor: "horizontal" }).toBuffer(),
    ]) {
      assertNear(await decodeFirst(bytes), [200, 100, 50], 4);
    }
  });

  it("turns an image as its EXIF orientation says", async () => {
    const picture = await (await redLeftBlueRight()).png().toBuffer();
    // Orientation 6: to be turned by 90° clockwise, so what is left comes to the top. 3: upside down.
    const turned = await sharp(picture).withMetadata({ orientation: 6 }).jpeg({ quality: 100 }).toBuffer();
    assert.deepEqual(await readImageInfo(turned), { type: "jpeg", width: 8, height: 16 });
    const pixels = await decodeImage(turned, { width: 8, height: 16, fit: "fill" });
    assertNear(rgbAt(pixels, 4, 1, 8), [255, 0, 0], 8);
    assertNear(rgbAt(pixels, 4, 14, 8), [0, 0, 255], 8);
    const upsideDown = await sharp(picture).withMetadata({ orientation: 3 }).jpeg({ quality: 100 }).toBuffer();
    assertNear(await decodeFirst(upsideDown), [0, 0, 255], 8);
  });

  it("squashes, crops or pads with white as the shape says", async () => {
    const bytes = await (await redLeftBlueRight()).png().toBuffer();
    const row = async (fit: "fill" | "cover" | "contain", y: number) => {
      const pixels = await decodeImage(bytes, { width: 8, height: 8, fit });
      return [0, 2, 5, 7].map((x) => rgbAt(pixels, x, y, 8).join());
    };
    assert.deepEqual(await row("fill", 0), ["255,0,0", "255,0,0", "0,0,255", "0,0,255"]);
    assert.deepEqual(await row("cover", 0), ["255,0,0", "255,0,0", "0,0,255", "0,0,255"]);
    assert.deepEqual(await row("contain", 0), Array(4).fill("255,255,255"));
    assert.deepEqual(await row("contain", 4), ["255,0,0", "255,0,0", "0,0,255", "0,0,255"]);
  });

  it("brings CMYK to sRGB", async () => {
    const bytes = await canvas(16, 16, RED).toColourspace("cmyk").jpeg({ quality: 100 }).toBuffer();
    assert.equal((await sharp(bytes).metadata()).space, "cmyk");
    const [red, green, blue] = (await decodeFirst(bytes)) as [number, number, number];
    assert.ok(red > 200 && green < 80 && blue < 80, `${red}, ${green}, ${blue}`);
  });

  it("brings 16 bits a channel to 8, in colour, in grey and with transparency", async () => {
    const colour = await canvas(8, 8, { r: 200, g: 100, b: 50 }).toColourspace("rgb16").png().toBuffer();
    assert.equal((await sharp(colour).metadata()).depth, "ushort");
    assertNear(await decodeFirst(colour), [200, 100, 50], 1);

    const grey = await canvas(8, 8, { r: 120, g: 120, b: 120 }).toColourspace("grey16").png().toBuffer();
    assert.deepEqual([(await sharp(grey).metadata()).depth, (await sharp(grey).metadata()).channels], ["ushort", 1]);
    assertNear(await decodeFirst(grey), [120, 120, 120], 1);

    const clear = await canvas(8, 8, { ...RED, alpha: 0 }, 4)
      .toColourspace("rgb16")
      .png()
      .toBuffer();
    assert.equal((await sharp(clear).metadata()).depth, "ushort");
    assertNear(await decodeFirst(clear), [255, 255, 255], 1);

    const tiff = await canvas(8, 8, { r: 200, g: 100, b: 50 }).toColourspace("rgb16").tiff().toBuffer();
    assertNear(await decodeFirst(tiff), [200, 100, 50], 2);
  });

  it("gives three channels for grey, with and without transparency", async () => {
    const image = canvas(8, 8, { r: 90, g: 90, b: 90 }).toColourspace("b-w");
    for (const bytes of [await image.clone().png().toBuffer(), await image.clone().jpeg({ quality: 100 }).toBuffer()]) {
      assert.equal((await sharp(bytes).metadata()).channels, 1);
      assertNear(await decodeFirst(bytes), [90, 90, 90], 2);
    }
    const clear = await canvas(8, 8, { r: 90, g: 90, b: 90, alpha: 0 }, 4).toColourspace("b-w").png().toBuffer();
    assert.equal((await sharp(clear).metadata()).channels, 2);
    assertNear(await decodeFirst(clear), [255, 255, 255], 0);
  });

  it("puts transparency over white", async () => {
    const clear = await canvas(8, 8, { r: 0, g: 0, b: 0, alpha: 0 }, 4).png().toBuffer();
    assert.deepEqual(await decodeFirst(clear), [255, 255, 255]);
    const half = await canvas(8, 8, { ...RED, alpha: 0.5 }, 4)
      .webp({ lossless: true })
      .toBuffer();
    assertNear(await decodeFirst(half), [255, 127, 127], 1);
  });

  it("takes the first frame of an animated GIF or WebP", async () => {
    const frames = Buffer.concat([
      await canvas(8, 8, RED).raw().toBuffer(),
      await canvas(8, 8, BLUE).raw().toBuffer(),
      await canvas(8, 8, { r: 0, g: 255, b: 0 }).raw().toBuffer(),
    ]);
    const animation = sharp(frames, { raw: { width: 8, height: 24, channels: 3, pageHeight: 8 } });
    for (const bytes of [
      await animation.clone().gif().toBuffer(),
      await animation.clone().webp({ lossless: true }).toBuffer(),
    ]) {
      assert.equal((await sharp(bytes).metadata()).pages, 3);
      const { width, height } = await readImageInfo(bytes);
      assert.deepEqual([width, height], [8, 8]);
      const pixels = await decodeImage(bytes, SHAPE);
      assertNear(rgbAt(pixels, 0, 3, 4), [255, 0, 0], 0);
    }
  });

  it("decodes an image of one pixel", async () => {
    const pixels = await decodeImage(await canvas(1, 1, RED).png().toBuffer(), SHAPE);
    assert.deepEqual(rgbAt(pixels, 3, 3, 4), [255, 0, 0]);
  });

  it("goes by the bytes, whatever they may be called", () => {
    assert.equal(sniffImageType(Buffer.from("GIF87a......")), "gif");
    assert.equal(sniffImageType(Buffer.from("GIF88a......")), undefined);
    assert.equal(sniffImageType(Buffer.from("RIFF....WAVE")), undefined);
    assert.equal(sniffImageType(Buffer.from("....ftypmp42")), undefined);
    assert.equal(sniffImageType(Buffer.from([0xff, 0xd8, 0xff])), undefined);
  });

  describe("refuses", () => {
    const refuses = async (bytes: Uint8Array, code: string) => {
      await assert.rejects(decodeImage(bytes, SHAPE), { name: "AppError", code });
    };

    it("an empty file", () => refuses(new Uint8Array(0), "empty_image"));

    it("what is no image, and images of other types", async () => {
      const svg = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect width="9" height="9"/></svg>';
      for (const text of [
        "x",
        "this is plain text",
        svg,
        `<?xml version="1.0"?>${svg}`,
        "%PDF-1.7 and so on",
        "BM bitmap file",
      ]) {
        await refuses(Buffer.from(text), "unsupported_image_type");
        await assert.rejects(readImageInfo(Buffer.from(text)), { code: "unsupported_image_type" });
      }
    });

    it("an SVG behind the first bytes of another type", async () => {
      const svg = Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"></svg>');
      await refuses(Buffer.concat([Buffer.from([0xff, 0xd8, 0xff]), svg]), "corrupt_image");
      await refuses(Buffer.concat([Buffer.from("II*\0"), svg]), "corrupt_image");
    });

    it("truncated files of every type", async () => {
      const noise = Buffer.from(Uint8Array.from({ length: 64 * 64 * 3 }, (_, i) => (i * 2654435761) >>> 24));
      const image = sharp(noise, { raw: { width: 64, height: 64, channels: 3 } });
      for (const encoded of [
        image.clone().jpeg(),
        image.clone().png(),
        image.clone().webp(),
        image.clone().avif(),
        image.clone().tiff(),
        image.clone().gif(),
      ]) {
        const bytes = await encoded.toBuffer();
        await refuses(bytes.subarray(0, bytes.length >> 1), "corrupt_image");
        await refuses(bytes.subarray(0, 20), "corrupt_image");
      }
    });

    it("a header that claims too many pixels, before anything is decoded", async () => {
      const bytes = pngWithHeader(30_000, 30_000);
      await refuses(bytes, "image_too_many_pixels");
      await assert.rejects(readImageInfo(bytes), { code: "image_too_many_pixels" });
      await refuses(pngWithHeader(8, 4_000_000_000), "corrupt_image");
    });

    it("a header that claims more rows than there are", () => refuses(pngWithHeader(40, 40), "corrupt_image"));
  });
});

describe("resizePixels", () => {
  it("keeps pixels of the right size, grey or colour", async () => {
    const grey = Uint8Array.from({ length: 16 }, (_, i) => i * 10);
    const fromGrey = await resizePixels(grey, { width: 4, height: 4, channels: 1 }, SHAPE);
    assert.deepEqual(
      [...fromGrey],
      [...grey].flatMap((value) => [value, value, value]),
    );
    const colour = Uint8Array.from({ length: 48 }, (_, i) => i * 5);
    assert.deepEqual([...(await resizePixels(colour, { width: 4, height: 4, channels: 3 }, SHAPE))], [...colour]);
  });

  it("gives what decoding a file of these pixels gives", async () => {
    const pixels = Uint8Array.from({ length: 9 * 7 * 3 }, (_, i) => (i * 37) % 256);
    const from = { width: 9, height: 7, channels: 3 } as const;
    const file = await sharp(pixels, { raw: from }).png().toBuffer();
    assert.deepEqual([...(await resizePixels(pixels, from, SHAPE))], [...(await decodeImage(file, SHAPE))]);
  });
});
