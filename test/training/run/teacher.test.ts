import assert from "node:assert/strict";
import { readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { decodeImage } from "../../../core/decode.ts";
import { openEncoder } from "../../../core/encoder-session.ts";
import type { Model } from "../../../core/model.ts";
import { temporaryFolder } from "../../../support/temporary-folder.ts";
import { writeTinyModel } from "../../../support/tiny-model.ts";
import { TINY_CONFIG, tinyTraining, writePictures } from "../../../support/tiny-training.ts";
import { decodeSafetensors } from "../../../training/data/safetensors.ts";
import type { TrainEvent } from "../../../training/run/events.ts";
import { type TrainOptions, train } from "../../../training/train.ts";

describe("a training with a teacher", () => {
  let folder: string;
  let remove: () => Promise<void>;
  let teacher: Model;
  beforeEach(async () => {
    ({ folder, remove } = await temporaryFolder());
    await writePictures(folder);
    await writeFile(join(folder, "images", "even", "broken.png"), "no image");
    teacher = await writeTinyModel(join(folder, "models"), "teacher", { dimensions: 24, size: 32 });
  });
  afterEach(() => remove());

  const distilling = (more: Partial<TrainOptions> = {}) => {
    const { dim, ...config } = TINY_CONFIG;
    return { ...tinyTraining(folder), teacher, ...more, config: { ...config, ...more.config } };
  };
  const kept = () => join(folder, "run", "teacher.safetensors");

  it("learns its similarities; the teacher embeds each image once, also where the run is resumed", async () => {
    const losses: number[] = [];
    const taught: number[] = [];
    const stop = new AbortController();
    const onEvent = (event: TrainEvent) => {
      if (event.kind === "step" && losses.push(event.metrics.loss) === 40) stop.abort();
      if (event.kind === "embedding") taught.push(event.done);
    };
    const options = distilling({ onEvent, budget: { epochs: 20 }, config: { learningRate: 0.1 } });
    await train({ ...options, signal: stop.signal });
    assert.equal(taught.at(-1), 64);
    const { tensors } = decodeSafetensors(await readFile(kept()));
    const embeddings = tensors.get("embeddings")!;
    assert.deepEqual(embeddings.shape, [64, 24]);
    const session = await openEncoder(teacher, { threads: 1 });
    const first = await readFile(join(folder, "images", "even", "000.png"));
    const expected = await session.embed(await decodeImage(first, teacher.card.input), 1);
    await session.close();
    for (const [i, value] of expected.entries()) assert.ok(Math.abs((embeddings.data[i] as number) - value) < 1e-6);

    const { mtimeMs } = await stat(kept());
    taught.length = 0;
    const { model } = await train({ ...options, resume: true });
    assert.deepEqual([taught, (await stat(kept())).mtimeMs], [[], mtimeMs]);
    assert.equal(losses.length, 160);
    const mean = (values: number[]) => values.reduce((sum, v) => sum + v, 0) / values.length;
    assert.ok(mean(losses.slice(-16)) < mean(losses.slice(8, 24)) - 0.05, `${losses}`);
    const { recipe } = model!.card.training!;
    assert.deepEqual([recipe.mechanism, recipe.dim], ["distillation", 24]);
    assert.deepEqual((recipe.teacher as { name: string }).name, "teacher");
  });

  it("keeps to the teacher that it began with, and to its dimensions", async () => {
    const refused = { code: "invalid_configuration" } as const;
    await assert.rejects(train(distilling({ config: { dim: 16 } })), {
      ...refused,
      message: /the 24 dimensions of the/,
    });
    await assert.rejects(train(tinyTraining(folder, { config: { mechanism: "distillation" } })), {
      ...refused,
      message: /expected a teacher/,
    });
    const stop = new AbortController();
    const onEvent = ({ kind }: TrainEvent) => kind === "step" && stop.abort();
    await train(distilling({ onEvent, signal: stop.signal }));
    const { teacher: _, ...alone } = distilling({ resume: true });
    await assert.rejects(train(alone), { ...refused, message: /--teacher teacher/ });
  });
});
