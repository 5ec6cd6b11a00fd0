import assert from "node:assert/strict";
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { temporaryFolder } from "../../../support/temporary-folder.ts";
import { tinyTraining, writePictures } from "../../../support/tiny-training.ts";
import { unitVectors } from "../../../support/vectors.ts";
import { decodeSafetensors } from "../../../training/data/safetensors.ts";
import type { TrainEvent } from "../../../training/run/events.ts";
import { nearestOthers } from "../../../training/run/neighbours.ts";
import { readWeights, type WarmStart } from "../../../training/run/warm-start.ts";
import { type TrainOptions, train } from "../../../training/train.ts";

describe("nearestOthers", () => {
  it("gives each row the others with the largest products, best first", () => {
    const rows = unitVectors(60, 12, 5);
    const nearest = nearestOthers(Float32Array.from(rows.flatMap((row) => [...row])), 60, 4);
    for (const [i, row] of rows.entries()) {
      const products = rows.map((other, j) => ({ j, product: other.reduce((sum, v, d) => sum + v * row[d]!, 0) }));
      const others = products.filter(({ j }) => j !== i).sort((a, b) => b.product - a.product);
      assert.deepEqual(
        [...nearest.subarray(i * 4, i * 4 + 4)].map(Number),
        others.slice(0, 4).map(({ j }) => j),
      );
    }
  });
});

describe("a training whose keys are of neighbours", () => {
  let folder: string;
  let init: WarmStart;
  let remove: () => Promise<void>;
  before(async () => {
    ({ folder, remove } = await temporaryFolder());
    await writePictures(folder);
    const { model } = await train(tinyTraining(folder, { name: "parent", runFolder: join(folder, "parent") }));
    init = await readWeights(model!);
  });
  after(() => remove());

  const training = (more: Partial<TrainOptions> = {}) =>
    tinyTraining(folder, { name: "child", replace: true, ...more, config: { neighbours: 3, ...more.config } });
  const refused = (options: Partial<TrainOptions>, code: string, message: RegExp) =>
    assert.rejects(train(training(options)), { code, message });

  it("finds them once with the model that it begins from, and goes on with them where it is resumed", async () => {
    const embedded: number[] = [];
    const stop = new AbortController();
    const onEvent = (event: TrainEvent) => {
      if (event.kind === "embedding") embedded.push(event.done);
      if (event.kind === "step" && event.metrics.step === 5) stop.abort();
    };
    await train(training({ init, onEvent, signal: stop.signal }));
    assert.equal(embedded.at(-1), 64);
    const file = join(folder, "run", "neighbours.safetensors");
    const { tensors } = decodeSafetensors(await readFile(file));
    assert.deepEqual(tensors.get("indices")!.shape, [64, 3]);
    embedded.length = 0;
    const { model, metrics } = await train(training({ resume: true, onEvent }));
    assert.deepEqual(embedded, []);
    assert.equal(metrics!.step, 3 * 16); // every image has its turn once in an epoch, beside its neighbour
    assert.equal(model!.card.training!.recipe.neighbours, 3);

    await rm(file);
    await refused({ resume: true }, "invalid_checkpoint", /neighbours\.safetensors.*--init/);
  });

  it("needs a model, shuffling, and more images than neighbours", async () => {
    await refused({}, "invalid_configuration", /3 neighbours of each image: --init <model>/);
    await refused(
      { init, config: { bnGroups: 1 } },
      "invalid_configuration",
      /neighbours: expected 0, or the mechanism moco/,
    );
    await refused({ init, config: { neighbours: 64 } }, "invalid_configuration", /more images than the 64 neighbours/);
  });
});
