import assert from "node:assert/strict";
import { AppError } from "../../../core/errors.ts";
import { sha256 } from "../../../core/hash.ts";
import type { Generation } from "../../../server/generation/generation.ts";
import { backfill } from "../../../server/swap/backfill.ts";
import { createMemoryStorage } from "../../../support/memory-storage/index.ts";
import { cardOf } from "../../../support/tiny-model.ts";

describe("a backfill whose encoder is being started again", () => {
  it("ends with the reason of the one who stops it, so that a stop of the server does not fail the swap", async () => {
    const storage = createMemoryStorage();
    const bytes = Buffer.from("an image");
    const { encoder: active } = await storage.catalogue.generations.addFirst(cardOf({}));
    const image = {
      sha256: sha256(bytes),
      bytes: bytes.length,
      type: "png",
      width: 1,
      height: 1,
      metadata: {},
    } as const;
    await storage.images.put(image.sha256, bytes);
    await storage.catalogue.images.add(image, new Map([[active, Float32Array.of(0.6, 0.8)]]));
    const swap = await storage.catalogue.swaps.begin(cardOf({ seed: 2 }), { force: false });
    const record = (await storage.catalogue.generations.get(swap.generation))!;

    const stop = new AbortController();
    const STOPPED = Symbol("stopped");
    const candidate = {
      ...record,
      async startBackgroundEncoder() {
        return {
          async embedFiles() {
            setTimeout(() => stop.abort(STOPPED), 50); // it waits to try again by then
            throw new AppError("encoder_unavailable", "The encoder is being started again.");
          },
          async close() {},
        };
      },
    } as unknown as Generation;
    const options = { signal: stop.signal, onProgress() {}, skipDamaged: false };
    await assert.rejects(backfill(candidate, storage, options), (error) => error === STOPPED);
  });
});
