import assert from "node:assert/strict";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { temporaryFolder } from "../../../support/temporary-folder.ts";
import { TINY_CONFIG, tinyTraining, writePictures } from "../../../support/tiny-training.ts";
import { type DesignOptions, design } from "../../../training/design/design.ts";
import { agreement, designPage, networkTable, spaceTable } from "../../../training/design/page.ts";

/** Wide enough that networks of more stages can be as fast. */
const REFERENCE = {
  ...TINY_CONFIG,
  architecture: {
    block: "basic",
    widths: [32, 64],
    depths: [1, 1],
    stem: { width: 32, kernel: 3, stride: 1, maxPool: false },
  },
} as const;

describe("design", () => {
  let folder: string;
  let remove: () => Promise<void>;
  let options: DesignOptions;
  before(async () => {
    ({ folder, remove } = await temporaryFolder());
    await writePictures(folder);
    const { images, cacheFolder } = tinyTraining(folder);
    options = {
      ...{ images, cacheFolder: cacheFolder!, config: REFERENCE, threads: 1 },
      ...{ spaces: ["shallow", "two-stages"], samples: 1, minutes: 0.001, folder: join(folder, "design") },
    };
  });
  after(() => remove());

  it("trains networks as expensive as the reference, keeps what it knows, and goes on from it", async () => {
    const outcomes = await design(options);
    assert.deepEqual(
      outcomes.map(({ space, number }) => `${space}-${number}`),
      ["shallow-1", "two-stages-1"],
    );
    for (const { time, steps, architecture, knn, evaluationAccuracy } of outcomes) {
      assert.ok(time > 0.84 && time < 1.16, `${time}`);
      assert.equal(steps, outcomes[0]!.steps);
      assert.ok(architecture.widths.length >= 2 && knn! >= 0 && evaluationAccuracy >= 0);
    }
    assert.equal((await readdir(options.folder)).length, 3, "a file for each, and the study");
    const known = { ...outcomes[0]!, evaluationAccuracy: 0.75 };
    await writeFile(join(options.folder, "shallow-1.json"), JSON.stringify(known));
    const again = await design(options);
    assert.deepEqual(again, [known, outcomes[1]], "they were not trained again");

    assert.equal(spaceTable(outcomes).split("\n").length, 4);
    assert.equal(networkTable(outcomes).split("\n").length, 4);
    assert.equal(agreement(outcomes), "", "of two networks an order says nothing");
    const withKnn = [0.1, 0.2, 0.3].map((knn) => ({ ...known, evaluationAccuracy: knn, knn }));
    assert.match(agreement(withKnn), /rank correlation of 1\.00/);
    assert.equal(agreement([known, known, known]), "", "nor do equal ones");
    assert.match(await designPage(outcomes), /<svg.*shallow.*two-stages/s);
    assert.match(await designPage([]), /Design spaces/);
  });

  it("refuses a folder of other settings, and files that are not whole", async () => {
    await assert.rejects(design({ ...options, minutes: 1 }), /Expected networks that were trained for 1 minutes/);
    const file = join(options.folder, "shallow-1.json");
    const whole = await readFile(file, "utf8");
    await writeFile(file, whole.slice(0, 40));
    await assert.rejects(design(options), /shallow-1\.json .*Delete it/s);
  });

  it("refuses what has no queue, or no convolutions", async () => {
    const config = { ...REFERENCE, mechanism: "end-to-end" } as const;
    await assert.rejects(design({ ...options, config }), /Expected the mechanism moco .* but received end-to-end/);
  });
});
