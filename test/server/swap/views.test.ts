import assert from "node:assert/strict";
import { join } from "node:path";
import { pino } from "pino";
import { readSamples } from "../../../cli/demo/samples.ts";
import { openEncoder } from "../../../core/encoder-session.ts";
import type { Model } from "../../../core/model.ts";
import { readModel } from "../../../core/model-folder.ts";
import { packageRoot } from "../../../core/paths.ts";
import { PIXEL_LIMITS } from "../../../server/decoding/cost.ts";
import { createDecoder } from "../../../server/decoding/decoder.ts";
import type { Generation } from "../../../server/generation/generation.ts";
import type { Storage } from "../../../server/storage/ports.ts";
import { compareViews, type ViewsDeps } from "../../../server/swap/views.ts";
import { temporaryFolder } from "../../../support/temporary-folder.ts";
import { writeTinyModel } from "../../../support/tiny-model.ts";

const decoder = createDecoder(
  { ...PIXEL_LIMITS, decodeSeconds: 60, maxWaiting: 64 },
  { logger: pino({ level: "silent" }) },
);

/** A generation as far as views are concerned. */
async function embedder(model: Model): Promise<Generation> {
  const session = await openEncoder(model, { threads: 1 });
  const embed: Generation["embed"] = async (prepare) =>
    Float32Array.from(await session.embed(await prepare(model.card.input), 1));
  return { embed } as Generation;
}

/** A storage that has these files, numbered by their places. */
function depsOf(files: readonly Uint8Array[]): ViewsDeps {
  const contents = {
    sample: async (limit: number) => [...files.keys()].slice(0, limit),
    sha256s: async (numbers: Iterable<number>) => new Map([...numbers].map((number) => [number, `${number}`])),
  };
  const images = { get: async (sha256: string) => files[Number(sha256)] };
  return { storage: { catalogue: { contents }, images } as unknown as Storage, decoder };
}

describe("two crops of an image", () => {
  it("tell a trained network from an untrained one, and from pixels, without labels", async () => {
    const { folder, remove } = await temporaryFolder();
    const collection = await readSamples("collection");
    const files = collection.filter((_, i) => i % 50 === 0).map(({ bytes }) => bytes);
    const trained = await embedder(await readModel(join(packageRoot(), "models"), "default"));
    const random = await embedder(await writeTinyModel(folder, "random"));
    const views = (await compareViews(trained, random, depsOf(files)))!;
    assert.equal(views.images, 40);
    assert.ok(views.before > 0.7 && views.before > 2 * views.after, JSON.stringify(views));
    assert.ok(views.pixels < 0.2, JSON.stringify(views));
    await remove();
  });

  it("are not asked for where too few images are stored, or all are gone", async () => {
    const none = {} as Generation;
    assert.equal(await compareViews(none, none, depsOf([])), undefined);
    const gone = depsOf(Array.from({ length: 30 }));
    assert.equal(await compareViews(none, none, gone), undefined);
  });
});
