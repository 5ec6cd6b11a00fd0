import assert from "node:assert/strict";
import { setTimeout as sleep, setImmediate as turn } from "node:timers/promises";
import { pino } from "pino";
import type { Decoder } from "../../../server/decoding/decoder.ts";
import type { Generation } from "../../../server/generation/generation.ts";
import { createGenerations } from "../../../server/generation/generations.ts";
import type { Storage } from "../../../server/storage/ports.ts";
import { createSwaps } from "../../../server/swap/swaps.ts";
import { createMemoryStorage } from "../../../support/memory-storage/index.ts";
import { temporaryFolder } from "../../../support/temporary-folder.ts";
import { cardOf, writeTinyModel } from "../../../support/tiny-model.ts";

describe("a swap that begins while what the one before left is removed", () => {
  it("opens an encoder that is there", async () => {
    const { folder, remove } = await temporaryFolder();
    const { card } = await writeTinyModel(folder, "other", { seed: 2 });
    const memory = createMemoryStorage();
    // Removing waits for this: the moment between "unused" and "removed", in which the next swap looks.
    let isRemoving = false;
    let goOn = () => {};
    const told = new Promise<void>((resolve) => (goOn = resolve));
    const storage: Storage = {
      ...memory,
      models: {
        ...memory.models,
        async remove(sha256) {
          isRemoving = true;
          await told;
          await memory.models.remove(sha256);
        },
      },
    };
    const active = cardOf({ seed: 1 });
    await memory.catalogue.generations.addFirst(active);
    const generations = createGenerations();
    generations.switchTo({ number: 1, card: active, close: async () => {} } as Generation);
    const found: boolean[] = [];
    const swaps = createSwaps({
      storage,
      generations,
      decoder: {} as Decoder,
      modelsFolder: folder,
      gate: { goldenKey: "label", allowedDrop: 0 },
      review: false,
      async open() {
        if (isRemoving) for (let i = 0; i < 100; i++) await told.then(() => turn()); // read when the removal is over
        found.push((await memory.models.get(card.sha256)) !== undefined);
        throw new Error("not in this test");
      },
      logger: pino({ level: "silent" }),
    });

    await swaps.begin("other");
    await swaps.settled();
    while (!isRemoving) await turn();
    await swaps.begin("other");
    await sleep(200); // the swap would have looked for its encoder by now
    goOn();
    await swaps.settled();
    await swaps.close();
    await remove();
    assert.deepEqual(found, [true, true]);
  });
});
