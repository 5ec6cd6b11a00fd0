import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { AppError } from "../../../core/errors.ts";
import type { Model } from "../../../core/model.ts";
import { runCli } from "../../../support/run-cli.ts";
import { temporaryFolder } from "../../../support/temporary-folder.ts";
import { writeTinyModel } from "../../../support/tiny-model.ts";
import { tinyTraining, writePictures } from "../../../support/tiny-training.ts";
import { type Evaluation, evaluate } from "../../../training/evaluate/evaluate.ts";
import { train } from "../../../training/train.ts";

describe("evaluate", () => {
  let folder: string;
  let images: string;
  let trained: Model;
  let remove: () => Promise<void>;

  before(async () => {
    ({ folder, remove } = await temporaryFolder());
    images = await writePictures(folder, 32);
    const { model } = await train(tinyTraining(folder, { budget: { epochs: 1 }, config: { queue: 8 } }));
    trained = model!;
  });
  after(() => remove());

  const run = (model: Model, more = {}) =>
    evaluate(model, { train: [images], test: [images], cacheFolder: join(folder, "cache"), threads: 1, ...more });

  it("measures the model and both baselines by every protocol, and leaves the model as it is", async () => {
    const bytes = await readFile(trained.onnxPath);
    const result = await run(trained);
    for (const measures of [result, result.baselines.pixels, result.baselines.untrained!]) {
      const { recallAt1, recallAt5, recallAt10, mAP } = measures.retrieval!;
      for (const share of [measures.knn!.top1, measures.linear!.top1, mAP]) assert.ok(share >= 0 && share <= 1);
      // Each image is in the database: the nearest to it is itself.
      assert.deepEqual([recallAt1, recallAt5, recallAt10], [1, 1, 1]);
    }
    assert.equal(result.baselines.pixels.linear!.top1, 1, "768 numbers tell 32 images apart");
    assert.ok(result.imagesPerSecond > 0);
    assert.deepEqual(result.notes, []);
    assert.deepEqual(await readFile(trained.onnxPath), bytes);
  });

  it("measures a model that came as ONNX, and says why there is no untrained one", async () => {
    const model = await writeTinyModel(join(folder, "models"), "added");
    const result = await run(model, { protocols: ["knn"] });
    assert.deepEqual(Object.keys(result).sort(), ["baselines", "imagesPerSecond", "knn", "notes"]);
    assert.deepEqual(Object.keys(result.baselines), ["pixels"]);
    assert.match(result.notes[0]!, /no untrained encoder .* model "added" to have weights/);
  });

  it("refuses images without labels", async () => {
    await assert.rejects(
      run(trained, { test: [join(images, "odd")] }),
      (error) =>
        error instanceof AppError && error.code === "invalid_dataset" && /name of the folder/.test(error.message),
    );
  });

  it("is a command that prints a table, or JSON", async () => {
    const command = async (...flags: string[]) => {
      const common = ["tiny", "--train", images, "--test", images, "--protocol", "knn,retrieval", "--threads", "1"];
      const args = ["evaluate", ...common, "--models", join(folder, "models"), ...flags];
      const { code, stdout, stderr } = await runCli(args, { env: { XDG_CACHE_HOME: join(folder, "cache") } });
      assert.equal(code, 0, stderr);
      return stdout;
    };
    assert.match(
      await command(),
      /^% +kNN +recall@1 +recall@5 +recall@10 +mAP\ntiny +[\d.]+ +100\.0.*\nuntrained .*\npixels /,
    );
    const { knn, retrieval, linear } = JSON.parse(await command("--json")) as Evaluation;
    assert.deepEqual([typeof knn!.top1, retrieval!.recallAt1, linear], ["number", 1, undefined]);
  });
});
