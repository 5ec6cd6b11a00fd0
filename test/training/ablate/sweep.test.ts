import assert from "node:assert/strict";
import { rename } from "node:fs/promises";
import { join } from "node:path";
import { axisOf } from "../../../cli/train/hyperparameters.ts";
import { temporaryFolder } from "../../../support/temporary-folder.ts";
import { tinyTraining, writePictures } from "../../../support/tiny-training.ts";
import { type SweepOptions, sweep, sweepTable } from "../../../training/ablate/sweep.ts";

describe("sweep", () => {
  let folder: string;
  let remove: () => Promise<void>;
  before(async () => {
    ({ folder, remove } = await temporaryFolder());
    await writePictures(folder);
  });
  after(() => remove());

  const options = (...axes: string[]): SweepOptions => {
    const { images, config, cacheFolder } = tinyTraining(folder);
    return {
      ...{ images, config: config!, cacheFolder: cacheFolder! },
      axes: axes.map(axisOf),
      budget: { epochs: 1 },
      threads: 1,
    };
  };

  it("trains every combination, the best by labels first", async () => {
    const tried: string[] = [];
    const outcomes = await sweep({
      ...options("learning-rate=0.001,0.1", "schedule=linear,cosine"),
      onRun: ({ values }) => tried.push(Object.values(values).join(" ")),
    });
    assert.deepEqual(tried, ["0.001 linear", "0.001 cosine", "0.1 linear", "0.1 cosine"]);
    const scores = outcomes.map(({ knn }) => knn!);
    assert.deepEqual(
      scores,
      [...scores].sort((a, b) => b - a),
    );
    const [head, , first] = sweepTable(outcomes).split("\n");
    assert.match(head!, /^\| learning-rate \| schedule \| kNN +\| own key found/);
    assert.ok(first!.startsWith(`| ${outcomes[0]!.values["learning-rate"]}`));
  });

  it("refuses what is not valid, or cannot be compared without labels, before anything is trained", async () => {
    const onRun = () => assert.fail("nothing should be trained");
    const refused = { code: "invalid_configuration" } as const;
    await assert.rejects(sweep({ ...options("batch=8,7"), onRun }), { ...refused, message: /BN groups/ });
    await rename(join(folder, "images", "even"), join(folder, "images", "odd", "even"));
    await rename(join(folder, "images", "odd"), join(folder, "odd"));
    const unlabelled = { ...options("queue=8,16"), images: [join(folder, "odd", "even")], onRun };
    await assert.rejects(sweep(unlabelled), { ...refused, message: /labels to compare values of queue/ });
    for (const [axis, message] of [
      ["learning-rate", /such as learning-rate=0.06,0.12/],
      ["lr=1", /Hyper-parameters: image-size, .*seed/],
      ["betas=0.9", /received "betas=0.9"/],
    ] as const) {
      assert.throws(() => axisOf(axis), { ...refused, message });
    }
  });
});
