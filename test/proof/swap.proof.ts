// The proof in small, and the proof of the proof: with each guard removed in turn it reports it.
import assert from "node:assert/strict";
import { join } from "node:path";
import { countFindings } from "../../proof/findings.ts";
import type { Guard } from "../../proof/guards.ts";
import { ALL_KILLS, runProof } from "../../proof/run.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";
import { writeTinyModel } from "../../support/tiny-model.ts";

const words: string[] = [];

async function prove(options: { without?: Guard; slow?: boolean; swaps: number; kills?: typeof ALL_KILLS }) {
  const { folder, remove } = await temporaryFolder();
  try {
    const originals = join(folder, "originals");
    const models = [
      await writeTinyModel(originals, "first", { seed: 1 }),
      await writeTinyModel(originals, "second", { seed: 2 }),
    ] as const;
    const collapsed = await writeTinyModel(originals, "collapsed", { collapsed: true });
    words.length = 0;
    return await runProof({
      folder,
      models,
      collapsed,
      images: 300,
      idleMs: 300,
      kills: [],
      tell: (line) => void words.push(line),
      ...options,
    });
  } finally {
    await remove();
  }
}

describe("proof of the swap", function () {
  this.timeout(300_000);

  it("finds nothing wrong: swaps under traffic, and a kill -9 in some states", async () => {
    const some = ALL_KILLS.filter(({ state, target }) =>
      ["backfilling server", "ready server", "active server", "warming encoder", "verifying index"].includes(
        `${state} ${target}`,
      ),
    );
    const outcome = await prove({ swaps: 2, kills: some });
    assert.equal(countFindings(outcome), 0, words.join("\n"));
    assert.equal(outcome.kills, some.length);
    assert.ok(outcome.swaps >= 2 + 3);
    assert.equal(outcome.rssMbAfterEachSwap.length, 2);
    assert.ok(outcome.p99Ms.idle > 0 && outcome.backfillImagesPerSecond > 0);
  });

  it("finds nothing wrong where races have time to happen", async () => {
    const outcome = await prove({ swaps: 3, slow: true });
    assert.equal(countFindings(outcome), 0, words.join("\n"));
    assert.equal(outcome.swaps, 3);
  });

  for (const guard of ["dualWrite", "pinning", "tombstones", "gate"] as const) {
    it(`reports a server without ${guard}`, async () => {
      const outcome = await prove({ swaps: 3, slow: true, without: guard });
      assert.ok(countFindings(outcome) > 0, words.join("\n"));
    });
  }
});
