import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { AppError, type ErrorCode } from "../../../core/errors.ts";
import { temporaryFolder } from "../../../support/temporary-folder.ts";
import { recipeOf } from "../../../training/config/recipes.ts";
import { settle } from "../../../training/config/settle.ts";
import { encodeSafetensors } from "../../../training/data/safetensors.ts";
import { type Checkpoint, loadCheckpoint, saveCheckpoint } from "../../../training/run/checkpoint.ts";

const checkpoint: Checkpoint = {
  config: settle(recipeOf("auto", { images: 1000, side: 32, device: "cpu", memory: 2 ** 33 }), {}).config,
  progress: { step: 3, totalSteps: null, queuePointer: 24, seconds: 1.5 },
  images: { sources: ["/photos"], count: 1000, fingerprint: "f" },
  parent: { name: "default", version: "1", imagesSeen: 5, seconds: 2 },
  forms: { "conv2d input gradient 2,3,8,8|4,3,3,3|s2p1g1 transposed|winograd": "winograd" },
  tensors: new Map([["queue", { shape: [2, 2], data: Float32Array.of(1, 2, 3, 4) }]]),
};

describe("checkpoint", () => {
  let path: string;
  let remove: () => Promise<void>;

  beforeEach(async () => {
    const temporary = await temporaryFolder();
    path = join(temporary.folder, "checkpoint.safetensors");
    remove = temporary.remove;
  });
  afterEach(() => remove());

  const refused = (message: RegExp, code: ErrorCode = "invalid_checkpoint") =>
    assert.rejects(
      loadCheckpoint(path),
      (error) => error instanceof AppError && error.code === code && message.test(error.message),
    );

  it("gives back what was saved, and takes the place of an earlier one", async () => {
    await saveCheckpoint(path, { ...checkpoint, progress: { ...checkpoint.progress, step: 2 } });
    await saveCheckpoint(path, checkpoint);
    assert.deepEqual(await loadCheckpoint(path), checkpoint);
  });

  it("refuses a file that is missing, cut short or something else", async () => {
    await refused(/cannot be read/);
    await saveCheckpoint(path, checkpoint);
    await writeFile(path, (await readFile(path)).subarray(0, -1));
    await refused(/cut short/);
    await writeFile(path, encodeSafetensors({ tensors: checkpoint.tensors, metadata: {} }));
    await refused(/something else/);
    const metadata = { format: "moco-search-checkpoint", version: "2" };
    await writeFile(path, encodeSafetensors({ tensors: checkpoint.tensors, metadata }));
    await refused(/version 1 .* version 2/);
  });

  it("refuses one whose progress or configuration is not whole", async () => {
    const metadata = { format: "moco-search-checkpoint", version: "1", config: "{}", progress: "{}" };
    await writeFile(path, encodeSafetensors({ tensors: checkpoint.tensors, metadata }));
    await refused(/configuration is not valid/, "invalid_configuration");
    const config = JSON.stringify(checkpoint.config);
    const images = JSON.stringify(checkpoint.images);
    const whole = { ...metadata, config, images, progress: JSON.stringify(checkpoint.progress) };
    const broken = [
      ...['{"step":-1}', "{", "null"].map((progress) => ({ part: { progress }, says: /how far the run is/ })),
      ...['{"sources":[]}', "{"].map((images) => ({ part: { images }, says: /which images/ })),
      ...["{", ""].map((config) => ({ part: { config }, says: /hold its configuration/ })),
      { part: { begunFrom: "{}" }, says: /which model it began from/ },
    ];
    for (const { part, says } of broken) {
      await writeFile(path, encodeSafetensors({ tensors: checkpoint.tensors, metadata: { ...whole, ...part } }));
      await refused(says);
    }
  });
});
