import assert from "node:assert/strict";
import { pino } from "pino";
import sharp from "sharp";
import { AppError } from "../../../core/errors.ts";
import { sha256 } from "../../../core/hash.ts";
import type { EncoderInput } from "../../../core/model-card.ts";
import { centred, dot } from "../../../core/vector.ts";
import { createDuplicateThreshold } from "../../../server/collection/duplicate-threshold.ts";
import { PIXEL_LIMITS } from "../../../server/decoding/cost.ts";
import { createDecoder, type Decoder } from "../../../server/decoding/decoder.ts";
import type { Generation } from "../../../server/generation/generation.ts";
import type { Storage } from "../../../server/storage/ports.ts";
import { createMemoryStorage } from "../../../support/memory-storage/index.ts";
import { png } from "../../../support/pictures.ts";
import { unitVectors } from "../../../support/vectors.ts";

const INPUT: EncoderInput = { width: 8, height: 8, fit: "fill", mean: [0, 0, 0], std: [1, 1, 1] };

describe("the threshold for near-duplicates", () => {
  let decoder: Decoder;
  let storage: Storage;
  let embedded: number;
  before(() => {
    const logger = pino({ level: "silent" });
    decoder = createDecoder({ ...PIXEL_LIMITS, decodeSeconds: 60, maxWaiting: 8 }, { logger });
  });
  after(() => decoder.close());
  beforeEach(() => {
    storage = createMemoryStorage();
    embedded = 0;
  });

  /** A generation whose embeddings are the pixels at 8 × 8. */
  const byPixels = (encoder = 1, embed?: Generation["embed"]) =>
    ({
      encoder,
      async embed(prepare) {
        embedded++;
        return embed ? embed(prepare) : centred(Float32Array.from(await prepare(INPUT)));
      },
    }) as Pick<Generation, "encoder" | "embed"> as Generation;
  const vectorOf = async (file: Uint8Array) => centred(Float32Array.from(await decoder.pixels(file, INPUT)));
  const store = async (file: Uint8Array, vector: Float32Array) => {
    const image = { sha256: sha256(file), type: "png", width: 1, height: 1, bytes: file.length, metadata: {} } as const;
    const vectors = new Map([1, 2].map((encoder) => [encoder, vector]));
    assert.ok("image" in (await storage.catalogue.images.add(image, vectors)));
    await storage.images.put(image.sha256, file);
    return image.sha256;
  };
  const pictures = (count: number, from = 0) =>
    Promise.all(Array.from({ length: count }, (_, i) => png(from + i, { width: 120, height: 90 })));

  it("lets 95 % of copies pass that are trimmed, smaller and saved again", async () => {
    const files = await pictures(40);
    for (const file of files) await store(file, await vectorOf(file));
    const scores = await Promise.all(
      files.map(async (file) => {
        const trimmed = sharp(file)
          .extract({ left: 5, top: 4, width: 110, height: 82 })
          .resize(77, 57, { fit: "fill" });
        return dot(await vectorOf(file), await vectorOf(await trimmed.jpeg({ quality: 60 }).toBuffer()));
      }),
    );
    scores.sort((a, b) => a - b);
    const threshold = await createDuplicateThreshold({ storage, decoder })(byPixels());
    assert.ok(
      threshold >= scores[1]! - 0.003 && threshold <= scores[3]! + 0.003,
      `${threshold} of ${scores.slice(0, 4)}`,
    );
  });

  it("is not below the 99.9th percentile of random pairs where there are many", async () => {
    const vectors = unitVectors(150, 4, 1);
    const files = await pictures(150);
    const unlike = byPixels(1, async () => Float32Array.of(0, 0, 0, 0));
    const threshold = createDuplicateThreshold({ storage, decoder });
    for (const [i, file] of files.slice(0, 100).entries()) await store(file, vectors[i]!);
    assert.equal(await threshold(unlike), 0);
    for (const [i, file] of files.slice(100).entries()) await store(file, vectors[100 + i]!);
    const measured = await threshold(unlike);
    const scores = vectors.flatMap((one, i) => vectors.slice(i + 1).map((other) => dot(one, other)));
    const above = scores.filter((score) => score > measured).length;
    assert.ok(above >= 9 && above <= 12, `${above} of ${scores.length}`);
  });

  it("is measured once for a generation, and again as a small collection changes", async () => {
    for (const file of await pictures(6)) await store(file, await vectorOf(file));
    const threshold = createDuplicateThreshold({ storage, decoder });
    const [one, other] = [byPixels(1), byPixels(2)];
    const [first, same] = await Promise.all([threshold(one), threshold(one)]);
    assert.equal(first, same);
    assert.equal(await threshold(one), first);
    assert.equal(embedded, 6);
    await threshold(other);
    assert.equal(embedded, 12);
    const [more] = await pictures(1, 50);
    await store(more!, await vectorOf(more!));
    await threshold(other);
    assert.equal(embedded, 19);
  });

  it("leaves out files that cannot be read, and is 0.95 where fewer than five can", async () => {
    const hashes: string[] = [];
    for (const file of await pictures(7)) hashes.push(await store(file, await vectorOf(file)));
    const measured = () => createDuplicateThreshold({ storage, decoder })(byPixels());
    await storage.images.remove(hashes[0]!);
    await storage.images.put(hashes[1]!, Buffer.from("damaged"));
    assert.notEqual(await measured(), 0.95);
    assert.equal(embedded, 5);
    const cut = (await png(90)).subarray(0, 300);
    await store(cut, unitVectors(1, 192, 1)[0]!);
    assert.notEqual(await measured(), 0.95);
    await storage.images.remove(hashes[2]!);
    assert.equal(await measured(), 0.95);
  });

  it("says where the encoder is busy, and is measured when it is asked for again", async () => {
    for (const file of await pictures(5)) await store(file, await vectorOf(file));
    let isBusy = true;
    const generation = byPixels(1, async (prepare) => {
      if (isBusy) throw new AppError("overloaded", "Many wait.");
      return centred(Float32Array.from(await prepare(INPUT)));
    });
    const threshold = createDuplicateThreshold({ storage, decoder });
    await assert.rejects(threshold(generation), { code: "overloaded" });
    isBusy = false;
    assert.ok((await threshold(generation)) < 1);
  });
});
