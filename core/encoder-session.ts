// An open encoder: prepared pixels in, unit-norm embeddings out. Training's checks and the server's encoder process use
// the same session.
import { cpus } from "node:os";
import { type Cells, createCellReader } from "./cells.ts";
import type { Device } from "./device.ts";
import { AppError } from "./errors.ts";
import { checkSha256, type LoadedModel, type Model, readOnnx } from "./model.ts";
import type { ModelCard } from "./model-card.ts";
import { createSession } from "./onnx-session.ts";
import { checkLength, pixelTensor } from "./pixel-tensor.ts";

/** An open encoder of one model. */
export interface EncoderSession {
  readonly card: ModelCard;
  /**
   * Embeds `count` images. `pixels`: RGB bytes [count, H, W, 3], as `decodeImage` gives them for each image.
   * Returns [count, D] row by row, each row of unit norm. Blocks the thread while it computes.
   */
  embed(pixels: Uint8Array, count: number): Promise<Float32Array>;
  /**
   * What each cell of `count` images adds to their embeddings; see {@link Cells}. The first call opens another session.
   *
   * @throws AppError `no_cells` where the model does not say.
   */
  cells(pixels: Uint8Array, count: number): Promise<Cells>;
  close(): Promise<void>;
}

/**
 * Opens a model and checks its checksum, its input and output, and the embedding of one run.
 *
 * @param threads Threads of one run. Default: the machine's cores.
 * @throws AppError `invalid_model` where the ONNX file is not what the card says, `device_unavailable` where the device
 *   cannot be used.
 */
export async function openEncoder(
  model: Model | LoadedModel,
  { device = "cpu", threads = cpus().length }: { device?: Device; threads?: number } = {},
): Promise<EncoderSession> {
  const { card } = model;
  const onnx = "onnx" in model ? model.onnx : await readOnnx(model);
  if ("onnx" in model) checkSha256(onnx, card);
  if (mayNameOtherFiles(onnx)) (await import("./external-data.ts")).refuseExternalData(onnx, card.name);
  const { embedding: own, cells: whole } = mayHaveCells(onnx)
    ? (await import("./onnx-outputs.ts")).withoutCells(onnx)
    : { embedding: onnx };
  const session = await createSession(own, card, device, threads);
  const cellReader = createCellReader(card, whole, (onnx) => createSession(onnx, card, device, threads, "cells"));
  const run = async (pixels: Uint8Array, count: number): Promise<Float32Array> => {
    const { embedding } = await session.run({ pixels: pixelTensor(pixels, count, card.input) });
    if (
      !embedding ||
      embedding.dims[0] !== count ||
      embedding.dims[1] !== card.dimensions ||
      embedding.dims.length > 2
    ) {
      throw new AppError(
        "invalid_model",
        `Expected model "${card.name}" to answer [${count}, ${card.dimensions}] but it answered [${embedding?.dims.join(", ")}].`,
      );
    }
    return (await embedding.getData()) as Float32Array;
  };
  const embed = card.batch === undefined ? run : inBatches(run, card, card.batch);
  await checkOutput(embed, card);
  return {
    card,
    embed,
    cells: cellReader.read,
    async close() {
      await Promise.all([session.release(), cellReader.close()]);
    },
  };
}

/** Embeds in runs of exactly `batch` images; those that the last one lacks are black and their embeddings left out. */
function inBatches(
  run: EncoderSession["embed"],
  { input, dimensions }: ModelCard,
  batch: number,
): EncoderSession["embed"] {
  const imageBytes = input.width * input.height * 3;
  return async (pixels, count) => {
    checkLength(pixels, count, input);
    const embeddings = new Float32Array(count * dimensions);
    for (let first = 0; first < count; first += batch) {
      const images = pixels.subarray(first * imageBytes, (first + batch) * imageBytes);
      const filled = new Uint8Array(batch * imageBytes);
      filled.set(images);
      const vectors = await run(filled, batch);
      embeddings.set(vectors.subarray(0, (count - first) * dimensions), first * dimensions);
    }
    return embeddings;
  };
}

/**
 * True where tensors of the model may be in other files: ONNX names such a file under the key `location`. Most models
 * do not have this word, and are not parsed twice.
 */
const mayNameOtherFiles = (onnx: Uint8Array): boolean =>
  Buffer.from(onnx.buffer, onnx.byteOffset, onnx.length).includes("location");

/** True where a model may have the output `cells`; most of those that were not exported here do not have this word. */
const mayHaveCells = (onnx: Uint8Array): boolean =>
  Buffer.from(onnx.buffer, onnx.byteOffset, onnx.length).includes("cells");

async function checkOutput(embed: EncoderSession["embed"], card: ModelCard): Promise<void> {
  const { width, height } = card.input;
  const pixels = Uint8Array.from({ length: width * height * 3 }, (_, i) => (i * 37 + (i >> 5)) % 256);
  let embedding: Float32Array;
  try {
    embedding = await embed(pixels, 1);
  } catch (error) {
    if (error instanceof AppError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new AppError("invalid_model", `Model "${card.name}" cannot embed an image: ${reason}`, {
      cause: error,
    });
  }
  const length = Math.hypot(...embedding);
  if (!(Math.abs(length - 1) < 1e-3)) {
    throw new AppError(
      "invalid_model",
      `Expected model "${card.name}" to answer unit-norm embeddings but the norm is ${length}.`,
    );
  }
}
