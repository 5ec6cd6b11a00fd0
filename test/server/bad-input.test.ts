// Files that break other servers: each gets a documented code or the right embedding, and nothing is half-stored.
import assert from "node:assert/strict";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import sharp from "sharp";
import { decodeImage } from "../../core/decode.ts";
import { picture, png, pngWithHeader } from "../../support/pictures.ts";
import { startTestServer, type TestServer } from "../../support/test-server.ts";

describe("bad input", () => {
  let server: TestServer;
  before(async () => {
    server = await startTestServer();
    await server.http
      .post("/v1/images")
      .attach("image", await png(99), "first.png")
      .expect(201);
  });
  after(() => server.close());
  afterEach(() => server.http.get("/readyz").expect(200));

  /** Names of the stored files, and the list of images. */
  const stored = async () => ({
    files: (await readdir(join(server.dataFolder, "files"), { recursive: true }))
      .filter((name) => name.length > 2)
      .sort(),
    images: (await server.http.get("/v1/images").expect(200)).body.images,
  });
  const embed = async (file: Buffer): Promise<number[]> =>
    (await server.http.post("/v1/embeddings").attach("image", file, "a").expect(200)).body.embeddings[0];
  const similarity = (a: number[], b: number[]) => a.reduce((sum, value, i) => sum + value * b[i]!, 0);

  describe("is refused with its code, on every address that takes images", () => {
    const jpeg = () => picture(1, { width: 200, height: 150 }).jpeg().toBuffer();
    const svg = '<svg xmlns="http://www.w3.org/2000/svg" width="10" height="10"><rect width="10" height="10"/></svg>';
    const cases: ReadonlyArray<readonly [string, () => Promise<Buffer>, number, string]> = [
      ["text", async () => Buffer.from("this is text and no image"), 415, "unsupported_image_type"],
      ["an SVG", async () => Buffer.from(svg), 415, "unsupported_image_type"],
      [
        "an SVG with an XML header",
        async () => Buffer.from(`<?xml version="1.0"?>${svg}`),
        415,
        "unsupported_image_type",
      ],
      ["a few bytes", async () => Buffer.from([0xff, 0xd8, 0xff]), 415, "unsupported_image_type"],
      ["an empty file", async () => Buffer.alloc(0), 400, "empty_image"],
      ["a JPEG cut in half", async () => (await jpeg()).subarray(0, (await jpeg()).length / 2), 422, "corrupt_image"],
      ["a JPEG cut in its header", async () => (await jpeg()).subarray(0, 100), 422, "corrupt_image"],
      ["a PNG cut in half", async () => (await png(1)).subarray(0, 4000), 422, "corrupt_image"],
      ["a PNG header of 30,000 × 30,000", async () => pngWithHeader(30_000, 30_000), 413, "image_too_many_pixels"],
      ["a PNG header without pixels", async () => pngWithHeader(64, 64), 422, "corrupt_image"],
    ];
    for (const [what, make, status, code] of cases) {
      it(`${what}: ${status} ${code}`, async () => {
        const before = await stored();
        const file = await make();
        for (const address of ["/v1/images", "/v1/search", "/v1/embeddings"]) {
          const { body } = await server.http.post(address).attach("image", file, "a.jpg").expect(status);
          assert.equal(body.code, code, address);
          assert.ok(body.detail.length > 20);
        }
        assert.deepEqual(await stored(), before);
      });
    }
  });

  describe("a body that is no upload", () => {
    const boundary = "multipart/form-data; boundary=x";
    const cases: ReadonlyArray<
      readonly [string, (address: string) => ReturnType<TestServer["http"]["post"]>, number, string]
    > = [
      ["no body", (address) => server.http.post(address), 415, "unsupported_media_type"],
      [
        "plain text",
        (address) => server.http.post(address).type("text/plain").send("hello"),
        415,
        "unsupported_media_type",
      ],
      [
        "an empty multipart body",
        (address) => server.http.post(address).type(boundary).send("--x--\r\n"),
        400,
        "missing_image",
      ],
      [
        "multipart without a boundary",
        (address) => server.http.post(address).type("multipart/form-data").send("x"),
        400,
        "invalid_request",
      ],
      [
        "multipart that is cut off",
        (address) => server.http.post(address).type(boundary).send("--x\r\nContent-Disp"),
        400,
        "invalid_request",
      ],
      [
        "a field where a file belongs",
        (address) => server.http.post(address).field("image", "x"),
        400,
        "missing_image",
      ],
      [
        "the wrong field name",
        (address) => server.http.post(address).attach("photo", Buffer.from("x"), "a.png"),
        400,
        "missing_image",
      ],
    ];
    for (const [what, send, status, code] of cases) {
      it(`${what}: ${status} ${code}`, async () => {
        const before = await stored();
        for (const address of ["/v1/images", "/v1/search", "/v1/embeddings"]) {
          const { body } = await send(address).expect(status);
          assert.equal(body.code, code, address);
        }
        assert.deepEqual(await stored(), before);
      });
    }
  });

  describe("is understood as the plain image that it stands for", () => {
    const assertSame = async (odd: Buffer, plain: Buffer, atLeast: number) => {
      const score = similarity(await embed(odd), await embed(plain));
      assert.ok(score >= atLeast, `similarity ${score}`);
      const other = similarity(await embed(odd), await embed(await png(50)));
      assert.ok(other < atLeast, `similarity with another picture ${other}`);
      return (await server.http.post("/v1/images").attach("image", odd, "odd").expect(201)).body.images[0];
    };

    it("one pixel", async () => {
      const colour = { r: 200, g: 30, b: 90 };
      const flat = (size: number) =>
        sharp({ create: { width: size, height: size, channels: 3, background: colour } })
          .png()
          .toBuffer();
      const image = await assertSame(await flat(1), await flat(40), 0.9999);
      assert.deepEqual([image.width, image.height], [1, 1]);
    });

    it("a CMYK JPEG", async () => {
      // Muted colours: ink cannot print the others, so they would not come back.
      const plain = await sharp(await png(2))
        .linear(0.4, 76)
        .png()
        .toBuffer();
      const cmyk = await sharp(plain).toColourspace("cmyk").jpeg({ quality: 100 }).toBuffer();
      assert.equal((await sharp(cmyk).metadata()).space, "cmyk");
      const size = { width: 64, height: 48, fit: "fill" } as const;
      const [decoded, original] = await Promise.all([decodeImage(cmyk, size), decodeImage(plain, size)]);
      const difference = decoded.reduce((sum, value, i) => sum + Math.abs(value - original[i]!), 0) / decoded.length;
      assert.ok(difference < 8, `mean difference ${difference} of 255`);
      await assertSame(cmyk, await sharp(cmyk).toColourspace("srgb").png().toBuffer(), 0.9999);
    });

    it("a 16-bit colour PNG", async () => {
      const deep = await sharp(await png(3))
        .toColourspace("rgb16")
        .png()
        .toBuffer();
      assert.equal((await sharp(deep).metadata()).depth, "ushort");
      await assertSame(deep, await png(3), 0.9999);
    });

    it("a 16-bit grey PNG, and an 8-bit one", async () => {
      const grey = await picture(4).toColourspace("b-w").png().toBuffer();
      const deep = await sharp(grey).toColourspace("grey16").png().toBuffer();
      const colour = await sharp(grey).toColourspace("srgb").png({ palette: false }).toBuffer();
      assert.deepEqual([(await sharp(deep).metadata()).depth, (await sharp(deep).metadata()).channels], ["ushort", 1]);
      await assertSame(deep, grey, 0.9999);
      await assertSame(grey, colour, 0.9999);
    });

    it("an animated GIF, by its first frame", async () => {
      const frames = [await png(5), await png(6)];
      const animated = await sharp(frames, { join: { animated: true } })
        .gif({ effort: 1 })
        .toBuffer();
      assert.equal((await sharp(animated, { pages: -1 }).metadata()).pages, 2);
      const image = await assertSame(animated, frames[0]!, 0.995);
      assert.deepEqual([image.type, image.width, image.height], ["gif", 64, 48]);
    });

    it("a JPEG that EXIF turns", async () => {
      const upright = await png(7);
      const turned = await sharp(upright)
        .rotate(-90)
        .withMetadata({ orientation: 6 })
        .jpeg({ quality: 100 })
        .toBuffer();
      assert.equal((await sharp(turned).metadata()).width, 48);
      const image = await assertSame(turned, upright, 0.999);
      assert.deepEqual([image.width, image.height], [64, 48]);
    });

    it("a transparent PNG, over white", async () => {
      const clear = { width: 64, height: 48, channels: 4, background: { r: 0, g: 0, b: 0, alpha: 0 } } as const;
      const white = await sharp({ create: { ...clear, background: "#ffffff" } })
        .png()
        .toBuffer();
      await assertSame(await sharp({ create: clear }).png().toBuffer(), white, 0.9999);
    });
  });

  it("a file above the limit: 413 payload_too_large", async () => {
    const file = Buffer.alloc(33 * 1024 * 1024);
    const { body } = await server.http.post("/v1/images").attach("image", file, "big.png").expect(413);
    assert.equal(body.code, "payload_too_large");
  });
});
