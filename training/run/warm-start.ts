// Another model's weights to begin a training with.
import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { AppError } from "../../core/errors.ts";
import type { ParentModel } from "../../core/model-card.ts";
import { type Model, WEIGHTS_FILE } from "../../core/model-folder.ts";
import { parseTrainingConfig, type TrainingConfig } from "../config/schema.ts";
import { decodeSafetensors, type StoredTensor } from "../data/safetensors.ts";

/** What a training begins with. */
export interface WarmStart {
  /** That the weights were trained with. */
  readonly config: TrainingConfig;
  /** The query encoder's tensors with its head, by name without prefix. */
  readonly weights: ReadonlyMap<string, StoredTensor>;
  /** Which model it is, for the card of the next. */
  readonly parent: ParentModel;
}

/**
 * Reads the weights of a model that was trained here.
 *
 * @throws AppError `invalid_checkpoint` where the model has none: one that was added as ONNX, say.
 */
export async function readWeights({ card, onnxPath }: Model): Promise<WarmStart> {
  const file = await readFile(join(dirname(onnxPath), WEIGHTS_FILE)).catch((error) => {
    throw new AppError(
      "invalid_checkpoint",
      `Expected model "${card.name}" to have ${WEIGHTS_FILE} to begin from, as models that were trained here do, but it cannot be read.`,
      { cause: error },
    );
  });
  const { tensors, metadata } = decodeSafetensors(file);
  const { name, version, training } = card;
  const before = training?.begunFrom;
  return {
    config: parseTrainingConfig(JSON.parse(metadata.config ?? "null")),
    weights: tensors,
    parent: {
      name,
      version,
      imagesSeen: (training?.imagesSeen ?? 0) + (before?.imagesSeen ?? 0),
      seconds: (training?.seconds ?? 0) + (before?.seconds ?? 0),
    },
  };
}
