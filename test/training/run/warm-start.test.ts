import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { AppError } from "../../../core/errors.ts";
import type { Model } from "../../../core/model.ts";
import { temporaryFolder } from "../../../support/temporary-folder.ts";
import { writeTinyModel } from "../../../support/tiny-model.ts";
import { TINY_CONFIG } from "../../../support/tiny-training.ts";
import { recipeOf } from "../../../training/config/recipes.ts";
import { settle } from "../../../training/config/settle.ts";
import { decodeSafetensors, encodeSafetensors } from "../../../training/data/safetensors.ts";
import { encodeWeights, readWeights } from "../../../training/run/warm-start.ts";

describe("weights beside a model", () => {
  const recipe = recipeOf("auto", { images: 64, side: 16, device: "cpu", memory: 2 ** 33 });
  const { config } = settle(recipe, TINY_CONFIG);
  const tensors = new Map([["conv1.weight", { shape: [2], data: Float32Array.of(1, 2) }]]);
  let model: Model;
  let path: string;
  let remove: () => Promise<void>;

  beforeEach(async () => {
    const temporary = await temporaryFolder();
    remove = temporary.remove;
    model = await writeTinyModel(temporary.folder, "tiny");
    path = join(dirname(model.onnxPath), "weights.safetensors");
    await writeFile(path, encodeWeights(config, tensors));
  });
  afterEach(() => remove());

  /** Writes the file again with other metadata. */
  const rewrite = async (metadata: Record<string, string>) => {
    const { metadata: before } = decodeSafetensors(await readFile(path));
    await writeFile(path, encodeSafetensors({ tensors, metadata: { config: before.config!, ...metadata } }));
  };

  it("are read back with their configuration and the model that they are from", async () => {
    const { config: read, weights, parent } = await readWeights(model);
    assert.deepEqual(read, config);
    assert.deepEqual(weights, tensors);
    assert.deepEqual(parent, { name: "tiny", version: "seed-1", imagesSeen: 0, seconds: 0 });
  });

  it("are read from files that say neither format nor version, as the first did", async () => {
    await rewrite({});
    assert.deepEqual((await readWeights(model)).weights, tensors);
  });

  it("are refused where they are of another format or version", async () => {
    for (const metadata of [{ format: "moco-search-weights", version: "2" }, { format: "pt" }]) {
      await rewrite(metadata);
      const says = (error: unknown) =>
        error instanceof AppError &&
        error.code === "invalid_checkpoint" &&
        /moco-search-weights version 1/.test(error.message);
      await assert.rejects(readWeights(model), says);
    }
  });

  it("are refused where their configuration is not whole", async () => {
    await rewrite({ config: "{" });
    await assert.rejects(readWeights(model), { code: "invalid_checkpoint", message: /hold its configuration/ });
  });
});
