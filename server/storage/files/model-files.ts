// Copies of the encoders that generations are made of: models/<sha256>.onnx in the data folder. A model that is trained
// again under its name replaces the one in models/; what serves, and what can be rolled back to, stays here.
import { access, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { replaceFile } from "../../../core/files.ts";
import type { ModelCard } from "../../../core/model-card.ts";
import { type Model, readOnnx } from "../../../core/model-folder.ts";
import { asStorageError } from "../storage-error.ts";

export type ModelFiles = ReturnType<typeof createModelFiles>;

/** Opens the folder of encoder copies; it is made with the first copy. */
export function createModelFiles(folder: string) {
  const pathOf = (sha256: string) => join(folder, `${sha256}.onnx`);
  return {
    /** The copy that belongs to a card, as a model to be opened. */
    model: (card: ModelCard): Model => ({ card, onnxPath: pathOf(card.sha256) }),
    has: (sha256: string): Promise<boolean> =>
      access(pathOf(sha256)).then(
        () => true,
        () => false,
      ),
    /**
     * Copies the encoder of `model`, durably.
     *
     * @throws AppError `invalid_model` where the file is not the one of the card, `storage_full`.
     */
    async put(model: Model): Promise<void> {
      const onnx = await readOnnx(model);
      try {
        await replaceFile(pathOf(model.card.sha256), onnx);
      } catch (error) {
        throw asStorageError(error);
      }
    },
    /** Removes the copies whose SHA-256 is not in `inUse`, which is asked again before each. */
    async removeUnused(inUse: () => ReadonlySet<string>): Promise<void> {
      const names = await readdir(folder).catch(() => []);
      for (const name of names) {
        if (!inUse().has(name.slice(0, 64))) await rm(join(folder, name), { force: true });
      }
    },
  };
}
