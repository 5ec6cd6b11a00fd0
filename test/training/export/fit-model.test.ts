import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { openEncoder } from "../../../core/encoder-session.ts";
import { AppError, type ErrorCode } from "../../../core/errors.ts";
import type { Model } from "../../../core/model.ts";
import { keepEvaluation, readModel, WEIGHTS_FILE } from "../../../core/model-folder.ts";
import { runCliHere } from "../../../support/run-cli.ts";
import { temporaryFolder } from "../../../support/temporary-folder.ts";
import { TWO_STAGES, tinyTraining, writePictures } from "../../../support/tiny-training.ts";
import { fitModel } from "../../../training/export/fit-model.ts";
import { readWeights } from "../../../training/run/warm-start.ts";
import { train } from "../../../training/train.ts";

describe("fitModel", function () {
  this.timeout(60_000);
  let folder: string;
  let remove: () => Promise<void>;
  let trained: Model;
  const rejects = (promise: Promise<unknown>, code: ErrorCode, message: RegExp) =>
    assert.rejects(promise, (error) => error instanceof AppError && error.code === code && message.test(error.message));
  const options = () => ({
    images: [join(folder, "others/images")],
    modelsFolder: join(folder, "models"),
    cacheFolder: join(folder, "cache"),
    threads: 1,
  });
  const weightsOf = ({ onnxPath }: Model) => readFile(join(dirname(onnxPath), WEIGHTS_FILE));

  before(async () => {
    ({ folder, remove } = await temporaryFolder());
    await writePictures(folder);
    await writePictures(join(folder, "others"), 40);
    trained = (await train(tinyTraining(folder, { config: TWO_STAGES }))).model!;
    await keepEvaluation(trained, { images: "some", measures: { knn: 0.5 } });
    trained = await readModel(join(folder, "models"), "tiny");
  });
  after(() => remove());

  it("writes the embedding that a training on these images would export, of the same network", async () => {
    const own = await fitModel(await readWeights(trained), {
      ...options(),
      images: [join(folder, "images")],
      name: "own",
    });
    assert.equal(own.card.sha256, trained.card.sha256);
    assert.deepEqual(own.card.scores, trained.card.scores);
    assert.deepEqual(await weightsOf(own), await weightsOf(trained));
  });

  it("fits it to other images, and says so in the card", async () => {
    const { card } = await fitModel(await readWeights(trained), { ...options(), name: "other", licence: "CC0" });
    assert.notEqual(card.sha256, trained.card.sha256);
    assert.notDeepEqual(card.scores, trained.card.scores);
    const { name, version } = trained.card;
    assert.deepEqual(card.fitted, { data: "images", images: 40, from: { name, version } });
    assert.deepEqual(card.training, trained.card.training);
    assert.equal(card.licence, "CC0");
    assert.equal(card.evaluations, undefined); // they are those of another embedding
  });

  it("takes the other options of an export, and what it writes can be served and fitted again", async () => {
    const embedding = { kind: "whitened", dimensions: 8, strength: 1 } as const;
    const small = await fitModel(await readWeights(trained), { ...options(), name: "small", size: 24, embedding });
    assert.deepEqual([small.card.dimensions, small.card.input.width], [8, 24]);
    const encoder = await openEncoder(small, { threads: 1 });
    const embeddings = await encoder.embed(new Uint8Array(24 * 24 * 3).fill(99), 1);
    assert.ok(Math.abs(Math.hypot(...embeddings) - 1) < 1e-4);
    await encoder.close();
    const again = await fitModel(await readWeights(small), { ...options(), name: "again" });
    assert.equal(again.card.fitted?.from.name, "small");
    assert.equal(again.card.input.width, 24);
  });

  it("refuses too few images and a name that is taken", async () => {
    await rejects(fitModel(await readWeights(trained), { ...options(), name: "tiny" }), "model_exists", /tiny/);
    await writePictures(join(folder, "few"), 6);
    const few = { ...options(), images: [join(folder, "few/images")], name: "few" };
    await rejects(fitModel(await readWeights(trained), few), "invalid_dataset", /16/);
  });

  it("is a command", async () => {
    const models = join(folder, "models");
    const images = join(folder, "others/images");
    const { code, stdout } = await runCliHere(["fit", "tiny", images, "--name", "photos", "--models", models]);
    assert.equal(code, 0);
    assert.match(stdout, /Wrote .*photos: \d+ dimensions, 16×16 pixels\./);
    const missing = await runCliHere(["fit", "none", images, "--name", "photos", "--models", models]);
    assert.notEqual(missing.code, 0);
    assert.match(missing.stderr, /no model "none"/);
  });
});
