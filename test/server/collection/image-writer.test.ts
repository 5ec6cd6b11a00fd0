import assert from "node:assert/strict";
import { AppError } from "../../../core/errors.ts";
import { createImageWriter } from "../../../server/collection/image-writer.ts";
import type { Generation } from "../../../server/generation/generation.ts";
import { createGenerations, type Generations } from "../../../server/generation/generations.ts";
import { openStore, type Store } from "../../../server/storage/open.ts";
import { png } from "../../../support/pictures.ts";
import { temporaryFolder } from "../../../support/temporary-folder.ts";
import { cardOf } from "../../../support/tiny-model.ts";

/** A generation of which only what a writer uses is there. `fails`: its encoder cannot be reached. */
function generationOf({ number, encoder }: { number: number; encoder: number }, fails: () => boolean) {
  const indexed = new Set<number>();
  const generation = {
    number,
    encoder,
    missed: new Set<number>(),
    async embed() {
      if (fails()) throw new AppError("encoder_unavailable", "stopped");
      return Float32Array.of(1, 0);
    },
    use: (action: (generation: Generation) => Promise<unknown>) => action(generation as unknown as Generation),
    index: { add: async ([{ content }]: [{ content: number }]) => void indexed.add(content) },
    indexed,
  };
  return generation;
}

describe("an upload that is written in the same transaction as a switch", () => {
  let store: Store;
  let generations: Generations;
  let candidate: ReturnType<typeof generationOf>;
  let encoderFails: boolean;
  let remove: () => Promise<void>;

  beforeEach(async () => {
    const folder = await temporaryFolder();
    remove = folder.remove;
    store = await openStore(folder.folder);
    generations = createGenerations();
    encoderFails = true;
    const [first, second] = await store.write(() =>
      (["active", "candidate"] as const).map((state, i) =>
        store.generations.add(store.embeddings.encoderNumber(`${i}`), cardOf({ seed: i }), state),
      ),
    );
    generations.switchTo(generationOf(first!, () => false) as unknown as Generation);
    candidate = generationOf(second!, () => encoderFails);
    generations.setCandidate(candidate as unknown as Generation);
  });
  afterEach(async () => {
    store.close();
    await remove();
  });

  /** The switch as a swap makes it; false where an image lacks the candidate's embedding. */
  const switchNow = (write: Store["write"]) =>
    write(
      () => {
        if (candidate.missed.size > 0) return false;
        store.generations.switchTo(candidate.number);
        return true;
      },
      (switched) => switched && generations.switchTo(candidate as unknown as Generation),
    );

  /** Uploads an image with the switch right before or after it in the transaction; returns whether it took place. */
  const uploadWithSwitch = async (order: "before" | "after") => {
    let switched: Promise<boolean> | undefined;
    const write: Store["write"] = (apply, committed) => {
      if (order === "before") switched ??= switchNow(store.write);
      const written = store.write(apply, committed);
      if (order === "after") switched ??= switchNow(store.write);
      encoderFails = false;
      return written;
    };
    const writer = createImageWriter({ store: { ...store, write }, generations });
    const { sha256 } = await writer.add(await png(1), {});
    return { switched: await switched!, content: store.images.contentNumber(sha256)! };
  };

  it("holds the switch back where the upload comes first and the candidate lacks it", async () => {
    const { switched, content } = await uploadWithSwitch("after");
    assert.equal(switched, false);
    assert.deepEqual([...candidate.missed], [content]);
  });

  it("is embedded by the new generation where the switch comes first", async () => {
    const { switched, content } = await uploadWithSwitch("before");
    assert.equal(switched, true);
    assert.equal(candidate.missed.size, 0);
    assert.ok(candidate.indexed.has(content));
    assert.ok(store.embeddings.has(candidate.encoder, content));
  });
});
