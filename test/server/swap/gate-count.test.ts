import assert from "node:assert/strict";
import type { Generation } from "../../../server/generation/generation.ts";
import type { Catalogue, Storage } from "../../../server/storage/ports.ts";
import { examine } from "../../../server/swap/gate.ts";

/** A catalogue that has three embeddings at sequence number 7, and an index that says where it is in turn. */
function examined(sizes: ReadonlyArray<{ sequence: number; contents: number }>) {
  const left = [...sizes];
  const tally = async () => ({ sequence: 7, contents: 3, embedded: 3 });
  const index = {
    size: async () => left.shift()!,
    inspect: async () => ({ recallAt10: 1, spread: 1 }),
  };
  const candidate = { encoder: 1, card: { name: "new" }, index } as unknown as Generation;
  const catalogue = { embeddings: { tally } } as unknown as Catalogue;
  const storage = { catalogue } as Storage;
  return examine(candidate, undefined, storage, { goldenKey: "label", allowedDrop: 0 });
}

describe("the gate counts index and catalogue at one sequence number", () => {
  it("lets an index pass that has as many", async () => {
    const { report } = await examined([{ sequence: 7, contents: 3 }]);
    assert.deepEqual(report, { contents: 3, recallAt10: 1, spread: 1 });
  });

  it("counts again where the index is past the number already", async () => {
    await examined([
      { sequence: 8, contents: 4 },
      { sequence: 7, contents: 3 },
    ]);
  });

  it("refuses an index that has more, as of a deleted image, or fewer", async () => {
    for (const contents of [4, 2]) {
      await assert.rejects(examined([{ sequence: 7, contents }]), {
        code: "invalid_model",
        message: new RegExp(`its index has ${contents} images where 3 are stored`),
      });
    }
  });
});
