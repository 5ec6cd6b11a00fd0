// A model: its card and its encoder.onnx, which must be the one that the card describes.
import { AppError } from "./errors.ts";
import { sha256, sha256InSteps } from "./hash.ts";
import type { ModelCard } from "./model-card.ts";
import { readRegularFile } from "./regular-file.ts";

/** Most bytes of encoder.onnx: protobuf's limit. */
const MAX_ONNX_BYTES = 2 ** 31 - 1;

/** A model on disk whose card has been read; the ONNX file is checked when it is opened. */
export interface Model {
  readonly card: ModelCard;
  /** Path of encoder.onnx. */
  readonly onnxPath: string;
}

/** A model as a value: its card and the bytes of its encoder.onnx. */
export interface LoadedModel {
  readonly card: ModelCard;
  readonly onnx: Uint8Array;
}

/**
 * Reads encoder.onnx and checks it against the card's SHA-256.
 *
 * @throws AppError `invalid_model` where the file is missing or is not the one that the card describes.
 */
export async function readOnnx(model: Model): Promise<Buffer> {
  const bytes = await readRegularFile(model.onnxPath, MAX_ONNX_BYTES).catch((error) => {
    throw new AppError("invalid_model", `Model "${model.card.name}" has no readable encoder.onnx.`, { cause: error });
  });
  checkHash(await sha256InSteps(bytes), model.card);
  return bytes;
}

/** @throws AppError `invalid_model` where the bytes are not those of the encoder that the card describes. */
export function checkSha256(onnx: Uint8Array, card: ModelCard): void {
  checkHash(sha256(onnx), card);
}

function checkHash(actual: string, card: ModelCard): void {
  if (actual === card.sha256) return;
  throw new AppError(
    "invalid_model",
    `Expected encoder.onnx of model "${card.name}" to have SHA-256 ${card.sha256} but it has ${actual}. Export or copy the model again.`,
  );
}
