import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { pino } from "pino";
import sharp from "sharp";
import { decodeImage, makeThumbnail } from "../../../core/decode.ts";
import { packageRoot } from "../../../core/paths.ts";
import { PIXEL_LIMITS, type PixelLimits } from "../../../server/decoding/cost.ts";
import { createDecoder, type Decoder } from "../../../server/decoding/decoder.ts";
import { picture } from "../../../support/pictures.ts";
import { childPids, untilGone } from "../../../support/processes.ts";

/** An even image, of which an AVIF has some hundred bytes whatever its size. */
const avif = (width: number, height: number): Promise<Buffer> =>
  sharp({ create: { width, height, channels: 3, background: "#888" } })
    .avif({ quality: 30, effort: 0 })
    .toBuffer();

describe("decoding what comes from outside", () => {
  const SHAPE = { width: 16, height: 16, fit: "cover" } as const;
  const logger = pino({ level: "silent" });
  let decoder: Decoder;
  const processes = () => childPids("decoding/process");
  const start = (decodeSeconds = 60, limits: Partial<PixelLimits> = {}) => {
    decoder = createDecoder({ ...PIXEL_LIMITS, ...limits, decodeSeconds, maxWaiting: 100 }, { logger });
  };
  afterEach(async () => {
    await decoder.close();
    await untilGone(processes(), 5);
  });

  it("small ordinary images take no process", async () => {
    start();
    const file = await picture(1, { width: 300, height: 200 }).jpeg().toBuffer();
    assert.deepEqual(await decoder.pixels(file, SHAPE), await decodeImage(file, SHAPE));
    assert.deepEqual(processes(), []);
  });

  it("AVIF, HEIC and large images come from the process as they would from here, of which there is one", async () => {
    start();
    const files = [
      await picture(1, { width: 300, height: 200 }).avif().toBuffer(),
      await readFile(join(packageRoot(), "test", "fixtures", "red-blue.heic")),
      await picture(2, { width: 2500, height: 2000 }).jpeg().toBuffer(),
    ];
    const region = { x: 10, y: 20, width: 50, height: 40 };
    const answers = await Promise.all(
      files.map(async (file) => [
        await decoder.pixels(file, SHAPE),
        await decoder.pixels(file, SHAPE, region),
        await decoder.thumbnail(file, 128),
      ]),
    );
    assert.equal(processes().length, 1);
    for (const [i, [whole, part, thumbnail]] of answers.entries()) {
      assert.deepEqual(Buffer.from(whole!), await decodeImage(files[i]!, SHAPE));
      assert.deepEqual(Buffer.from(part!), await decodeImage(files[i]!, SHAPE, region));
      assert.deepEqual(Buffer.from(thumbnail!), await makeThumbnail(files[i]!, 128));
    }
  });

  it("errors come from the process as they would from here", async () => {
    start();
    const whole = await picture(1, { width: 300, height: 200 }).avif().toBuffer();
    await assert.rejects(decoder.pixels(whole.subarray(0, whole.length - 400), SHAPE), { code: "corrupt_image" });
  });

  it("refuses an AVIF of 7000×7000 by its header", async () => {
    start();
    const file = await avif(64, 64);
    const size = file.indexOf("ispe") + 8; // its box of width and height
    file.writeUInt32BE(7000, size);
    file.writeUInt32BE(7000, size + 4);
    const refusal = { code: "image_too_many_pixels", message: /16 million pixels of avif .* 7000×7000/ };
    await assert.rejects(decoder.inspect(file), refusal);
    await assert.rejects(decoder.pixels(file, SHAPE), refusal);
    await assert.rejects(decoder.thumbnail(file, 64), refusal);
    assert.deepEqual(processes(), []);
  });

  it("refuses a HEIC of 6000×6000 by its header", async () => {
    start();
    const file = await readFile(join(packageRoot(), "test", "fixtures", "red-blue.heic"));
    const size = file.indexOf("ispe") + 8;
    file.writeUInt32BE(6000, size);
    file.writeUInt32BE(6000, size + 4);
    const refusal = { code: "image_too_many_pixels", message: /25 million pixels of heic .* 6000×6000/ };
    await assert.rejects(decoder.inspect(file), refusal);
    await assert.rejects(decoder.pixels(file, SHAPE), refusal);
    assert.deepEqual(processes(), []);
  });

  it("goes by other limits where they are set, lower and higher", async () => {
    start(60, { maxPixels: 60_000_000, maxAvifPixels: 10_000 });
    const large = await sharp({ create: { width: 8000, height: 6500, channels: 3, background: "#888" } })
      .png({ compressionLevel: 1 })
      .toBuffer();
    assert.equal((await decoder.inspect(large)).width, 8000);
    assert.equal((await decoder.pixels(large, SHAPE)).length, 16 * 16 * 3);
    const refusal = { code: "image_too_many_pixels", message: /0\.01 million pixels of avif .* 200×200/ };
    await assert.rejects(decoder.pixels(await avif(200, 200), SHAPE), refusal);
    await decoder.close();
    start(60, { maxPixels: 10_000 });
    const small = await picture(1, { width: 300, height: 200 }).jpeg().toBuffer();
    await assert.rejects(decoder.pixels(small, SHAPE), { code: "image_too_many_pixels", message: /300×200/ });
  });

  it("kills what takes too long, and decodes what was under way beside it again", async () => {
    start(3);
    const file = await avif(200, 200);
    await decoder.pixels(file, SHAPE); // the process is there
    const [pid] = processes();
    process.kill(pid!, "SIGSTOP"); // a decoder that hangs
    const hanging = decoder.pixels(file, SHAPE);
    await sleep(1500);
    const beside = decoder.pixels(file, SHAPE);
    await assert.rejects(hanging, { code: "corrupt_image", message: /decodes within 3 seconds/ });
    await untilGone([pid!], 5);
    assert.deepEqual(Buffer.from(await beside), await decodeImage(file, SHAPE));
  });

  it("ends the process when it has had nothing to do", async () => {
    start();
    const file = await avif(200, 200);
    await decoder.pixels(file, SHAPE);
    const pids = processes();
    assert.equal(pids.length, 1);
    await untilGone(pids, 30);
    assert.deepEqual(Buffer.from(await decoder.pixels(file, SHAPE)), await decodeImage(file, SHAPE));
  });

  it("decodes again what was under way when the process was killed", async () => {
    start();
    const file = await avif(1500, 1500);
    const expected = await decodeImage(file, SHAPE);
    const answers = [1, 2, 3].map(() => decoder.pixels(file, SHAPE));
    while (processes().length === 0) await new Promise(setImmediate);
    process.kill(processes()[0]!, "SIGKILL");
    for (const answer of answers) assert.deepEqual(Buffer.from(await answer), expected);
  });
});
