import assert from "node:assert/strict";
import { rename } from "node:fs/promises";
import { join } from "node:path";
import { openEncoder } from "../../../core/encoder-session.ts";
import { AppError, type ErrorCode } from "../../../core/errors.ts";
import { temporaryFolder } from "../../../support/temporary-folder.ts";
import { TWO_STAGES, tinyTraining, writePictures } from "../../../support/tiny-training.ts";
import { exportRun } from "../../../training/export/again.ts";
import { train } from "../../../training/train.ts";

describe("exportRun", function () {
  this.timeout(60_000);
  let folder: string;
  let remove: () => Promise<void>;
  const rejects = (promise: Promise<unknown>, code: ErrorCode, message: RegExp) =>
    assert.rejects(promise, (error) => error instanceof AppError && error.code === code && message.test(error.message));
  const options = () => ({
    runFolder: join(folder, "run"),
    modelsFolder: join(folder, "models"),
    cacheFolder: join(folder, "cache"),
    threads: 1,
  });

  before(async () => {
    ({ folder, remove } = await temporaryFolder());
    await writePictures(folder);
    await train(tinyTraining(folder, { config: TWO_STAGES }));
  });
  after(() => remove());

  it("writes the model that the training wrote, under the run's name", async () => {
    const { card } = await exportRun(options());
    assert.equal(card.name, "run");
    const trained = await exportRun({ ...options(), name: "again" });
    assert.equal(trained.card.sha256, card.sha256);
    assert.deepEqual(trained.card.training, card.training);
  });

  it("exports other embeddings, sizes and precisions that can be served", async () => {
    const choices = [
      { name: "features", embedding: { kind: "features" }, size: 24 },
      { name: "projection", embedding: { kind: "projection" }, precision: "float16", licence: "CC0" },
      { name: "whitened", embedding: { kind: "whitened", dimensions: 8, strength: 1 } },
      { name: "mirrored", embedding: { kind: "whitened", dimensions: 64, strength: 1, layout: 0, mirrored: true } }, // 8 + 16 features
      { name: "layout", embedding: { kind: "features", stages: 2, layout: 0.4 } }, // and 4·16
    ] as const;
    const seen = [];
    for (const choice of choices) {
      const model = await exportRun({ ...options(), ...choice });
      const { dimensions, input, licence } = model.card;
      seen.push([dimensions, input.width, licence]);
      const encoder = await openEncoder(model, { threads: 1 });
      const embeddings = await encoder.embed(new Uint8Array(input.width * input.height * 3).fill(99), 1);
      assert.ok(Math.abs(Math.hypot(...embeddings) - 1) < 1e-4);
      await encoder.close();
    }
    const licence = "the licence of the training images";
    assert.deepEqual(seen, [
      [16, 24, licence],
      [16, 16, "CC0"],
      [8, 16, licence],
      [24, 16, licence],
      [88, 16, licence],
    ]);
  });

  it("does not overwrite a model, and says what is missing", async () => {
    await rejects(exportRun({ ...options(), name: "tiny" }), "model_exists", /tiny/);
    await exportRun({ ...options(), name: "tiny", replace: true });
    await rejects(exportRun({ ...options(), runFolder: join(folder, "none") }), "invalid_checkpoint", /none/);
    await rename(join(folder, "images"), join(folder, "moved"));
    await rejects(exportRun({ ...options(), name: "later" }), "invalid_dataset", /images/);
    await exportRun({ ...options(), name: "later", images: [join(folder, "moved")] });
  });
});
