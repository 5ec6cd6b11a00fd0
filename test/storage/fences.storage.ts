// The proof for several servers in small, and the proof of the proof: with each fence of the swap removed in turn it
// reports it.
import assert from "node:assert/strict";
import { join } from "node:path";
import { type Fault, FEW_FAULTS } from "../../proof/cluster-faults.ts";
import { runClusterProof } from "../../proof/cluster-run.ts";
import type { Fence } from "../../proof/fences.ts";
import { countFindings } from "../../proof/findings.ts";
import { createDatabase } from "../../support/postgres.ts";
import { type S3Process, startS3Process } from "../../support/s3-process.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";
import { writeTinyModel } from "../../support/tiny-model.ts";

/** The lead passes on while the server that had it lives. */
const LEAD_PASSES: Fault = { state: "warming", target: "lead" };

/** So few that the gate compares no crops, which takes most of its time. */
const IMAGES = 18;

describe("proof of the swap on several servers", function () {
  this.timeout(900_000);
  let s3: S3Process;
  before(async () => {
    s3 = await startS3Process();
  });
  after(() => s3.close());

  /**
   * Two servers and one swap; one more for each fault. `slow`: their races have time to happen. A fault that waits for
   * a server to open the candidate goes without: slow servers open it after the gate alone.
   */
  const prove = async (
    without: Fence | undefined,
    { swaps = 1, faults = [] as readonly Fault[], slow = true } = {},
  ) => {
    const { folder, remove } = await temporaryFolder();
    const database = await createDatabase({ ends: true });
    const words: string[] = [];
    try {
      const originals = join(folder, "originals");
      const models = [
        await writeTinyModel(originals, "first", { seed: 1 }),
        await writeTinyModel(originals, "second", { seed: 2 }),
      ] as const;
      const tell = (line: string) => {
        words.push(line);
        if (process.env.MOCO_SEARCH_TEST_LOG === "1") console.log(line);
      };
      const places = { folder, database: database.url, files: s3 };
      const proof = { servers: 2, images: IMAGES, slow, without, tell };
      return { outcome: await runClusterProof({ ...places, models, swaps, faults, ...proof }), words };
    } finally {
      await database.remove();
      await remove();
    }
  };

  it("finds nothing with all fences in place, however the races go", async () => {
    const { outcome, words } = await prove(undefined);
    assert.equal(countFindings(outcome), 0, words.join("\n"));
    assert.equal(outcome.swaps, 1);
  });

  it("finds nothing where servers die, the database crashes, a server is cut off, or the file store is silent", async function () {
    this.timeout(3_600_000);
    const { outcome, words } = await prove(undefined, { swaps: 0, faults: FEW_FAULTS, slow: false });
    assert.equal(countFindings(outcome), 0, words.join("\n"));
    assert.equal(outcome.swaps, FEW_FAULTS.length);
  });

  it("reports a commit that does not look which model answers", async () => {
    const { outcome, words } = await prove("commit");
    assert.ok(outcome.lostImages > 0, words.join("\n"));
  });

  it("reports a switch that does not count embeddings", async () => {
    const { outcome, words } = await prove("count");
    assert.ok(outcome.lostImages > 0, words.join("\n"));
  });

  it("reports a switch that does not wait for every server", async () => {
    const { outcome, words } = await prove("opened");
    assert.ok(outcome.failedOutsideKills > 0, words.join("\n"));
  });

  it("reports a search that does not look again which model answers", async () => {
    const { outcome, words } = await prove("search");
    assert.ok(outcome.wentBackInTime > 0, words.join("\n"));
  });

  it("reports a server that fails a swap which another one continues", async () => {
    const { outcome, words } = await prove("lead", { swaps: 0, faults: [LEAD_PASSES], slow: false });
    assert.ok(outcome.failedOutsideKills > 0, words.join("\n"));
  });
});
