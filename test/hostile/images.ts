// Image files that hurt.
import sharp from "sharp";
import { png } from "../../support/pictures.ts";
import { type Attacked, DECODED_OR_GIVEN_UP, fixture, ROUNDS, together } from "./attacked.ts";

export function imageAttacks({ attack, ask, form, upload, search }: Attacked): void {
  attack("input", "AVIF of 7000×7000", async () => {
    const file = await fixture("7000x7000.avif");
    await together(4 * ROUNDS, () => upload(file, 413));
    await together(4 * ROUNDS, () => search(file, 413));
    await ask("POST", "/v1/embeddings", 413, form(file));
  });

  const many = 2 + 2 * ROUNDS;
  attack("input", `${many} AVIF of 4000×4000: others search and upload meanwhile`, async () => {
    const file = await fixture("4000x4000.avif");
    let isOver = false;
    const heavy = together(many, () => search(file, DECODED_OR_GIVEN_UP)).finally(() => {
      isOver = true;
    });
    let others = 0;
    while (!isOver || others < 3) {
      await search(await png(others), 200);
      if (others++ % 5 === 0) await ask("GET", "/v1/images?limit=5", 200);
    }
    await heavy;
  });

  const large = { create: { width: 7000, height: 7000, channels: 3, background: "#888" } } as const;
  const kinds: Record<string, () => Promise<Buffer>> = {
    "a PNG": () => sharp(large).png({ compressionLevel: 1 }).toBuffer(),
    "an interlaced PNG": () => sharp(large).png({ progressive: true, compressionLevel: 1 }).toBuffer(),
    "a progressive JPEG": () => sharp(large).jpeg({ progressive: true }).toBuffer(),
    "a lossless WebP": () => sharp(large).webp({ lossless: true, effort: 0 }).toBuffer(),
    "a TIFF": () => sharp(large).tiff({ compression: "deflate" }).toBuffer(),
    "a turned JPEG": () => sharp(large).withMetadata({ orientation: 6 }).jpeg().toBuffer(),
  };
  for (const [what, make] of Object.entries(kinds)) {
    let file: Buffer;
    describe(what, () => {
      before(async () => {
        file = await make();
      });
      attack("input", `${what} of 7000×7000, three at once`, () =>
        together(3, () => search(file, DECODED_OR_GIVEN_UP)),
      );
    });
  }

  attack("input", "thumbnails of a large image", async () => {
    const large = await sharp({ create: { width: 4000, height: 3000, channels: 3, background: "#888" } })
      .jpeg()
      .toBuffer();
    const { images } = await upload(large, 201);
    await together(8, (i) => ask("GET", `/v1/images/${images[0].id}/content?size=${64 + i}`, DECODED_OR_GIVEN_UP));
    await ask("DELETE", `/v1/images/${images[0].id}`, 204);
  });

  attack("input", "files that are cut, empty, of another kind, or lie about their size", async () => {
    const whole = await png(1);
    const lie = Buffer.from(whole);
    lie.writeUInt32BE(60_000, 16);
    lie.writeUInt32BE(60_000, 20);
    const svg = Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>');
    for (const file of [whole.subarray(0, 60), Buffer.alloc(0), Buffer.alloc(5000, 7), svg, lie]) {
      await upload(file, [400, 413, 415, 422]);
      await search(file, [400, 413, 415, 422]);
    }
  });
}
