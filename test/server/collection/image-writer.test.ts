import assert from "node:assert/strict";
import { pino } from "pino";
import { AppError } from "../../../core/errors.ts";
import { createImageWriter } from "../../../server/collection/image-writer.ts";
import { PIXEL_LIMITS } from "../../../server/decoding/cost.ts";
import { createDecoder } from "../../../server/decoding/decoder.ts";
import type { GenerationRecord } from "../../../server/domain/generation.ts";
import type { Generation } from "../../../server/generation/generation.ts";
import { createGenerations, type Generations } from "../../../server/generation/generations.ts";
import { openStorage } from "../../../server/storage/open.ts";
import type { Images, Storage } from "../../../server/storage/ports.ts";
import { png } from "../../../support/pictures.ts";
import { temporaryFolder } from "../../../support/temporary-folder.ts";
import { cardOf } from "../../../support/tiny-model.ts";

/** A generation of which only what a writer uses is there. `fails`: its encoder cannot be reached. */
function generationOf({ number, encoder }: GenerationRecord, fails: () => boolean) {
  const reached: number[] = [];
  const generation = {
    number,
    encoder,
    async embed() {
      if (fails()) throw new AppError("encoder_unavailable", "stopped");
      return Float32Array.of(1, 0);
    },
    use: (action: (generation: Generation) => Promise<unknown>) => action(generation as unknown as Generation),
    index: { reached: async (sequence: number) => void reached.push(sequence) },
    reached,
  };
  return generation;
}

describe("an upload that is written in the same transaction as a switch", () => {
  let storage: Storage;
  let generations: Generations;
  let first: ReturnType<typeof generationOf>;
  let candidate: ReturnType<typeof generationOf>;
  let swap: string;
  let encoderFails: boolean;
  let remove: () => Promise<void>;

  beforeEach(async () => {
    const folder = await temporaryFolder();
    remove = folder.remove;
    storage = await openStorage(folder.folder, pino({ level: "silent" }));
    const { generations: records, swaps } = storage.catalogue;
    generations = createGenerations();
    encoderFails = true;
    first = generationOf(await records.addFirst(cardOf({ seed: 1 })), () => false);
    const begun = await swaps.begin(cardOf({ seed: 2 }), { force: false });
    swap = begun.id;
    candidate = generationOf((await records.get(begun.generation))!, () => encoderFails);
    generations.switchTo(first as unknown as Generation);
    generations.setCandidate(candidate as unknown as Generation);
  });
  afterEach(async () => {
    await storage.close();
    await remove();
  });

  /** Uploads an image with the switch right before or after it in the transaction; returns whether it took place. */
  const uploadWithSwitch = async (order: "before" | "after") => {
    const { catalogue } = storage;
    let switched: Promise<boolean> | undefined;
    const switchNow = () => {
      switched ??= catalogue.swaps.switchTo(swap);
      void switched.then(
        (done) => done && setTimeout(() => generations.switchTo(candidate as unknown as Generation), 20),
      );
    };
    const add: Images["add"] = (...given) => {
      if (order === "before") switchNow();
      const added = catalogue.images.add(...given);
      if (order === "after") switchNow();
      encoderFails = false;
      return added;
    };
    const racing = { ...storage, catalogue: { ...catalogue, images: { ...catalogue.images, add } } };
    const decoder = createDecoder(
      { ...PIXEL_LIMITS, decodeSeconds: 30, maxWaiting: 10 },
      { logger: pino({ level: "silent" }) },
    );
    const { sha256 } = await createImageWriter({ storage: racing, generations, decoder }).add(await png(1), {});
    const answering = generations.active().number;
    return { switched: await switched!, answering, content: (await catalogue.contents.number(sha256))! };
  };

  it("holds the switch back where the upload comes first and the candidate lacks it", async () => {
    const { switched, content, answering } = await uploadWithSwitch("after");
    assert.equal(switched, false);
    assert.equal(answering, first.number);
    assert.deepEqual([first.reached, candidate.reached], [[1], []]);
    assert.equal(await storage.catalogue.embeddings.get(candidate.encoder, content), undefined);
  });

  it("is embedded by the new generation where the switch comes first, and acknowledged when that one answers", async () => {
    const { switched, content, answering } = await uploadWithSwitch("before");
    assert.equal(switched, true);
    assert.equal(answering, candidate.number);
    assert.deepEqual([first.reached, candidate.reached], [[], [1]]);
    assert.ok(await storage.catalogue.embeddings.get(candidate.encoder, content));
  });
});
