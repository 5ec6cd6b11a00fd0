// An open encoder: prepared pixels in, unit-norm embeddings out. Training's checks and the server's encoder process use
// the same session.
import { cpus } from "node:os";
import { InferenceSession, listSupportedBackends, Tensor } from "onnxruntime-node";
import type { Device } from "./device.ts";
import { AppError } from "./errors.ts";
import { checkSha256, type LoadedModel, type Model, readOnnx } from "./model.ts";
import type { EncoderInput, ModelCard } from "./model-card.ts";

/** What to do if a device cannot be used. */
const HOW_TO: Partial<Record<Device, string>> = {
  cuda: ". Install the NVIDIA driver, CUDA 12 and cuDNN 9, and then onnxruntime's CUDA libraries: npm rebuild onnxruntime-node --onnxruntime-node-install=cuda12",
  webgpu:
    ". Install a Vulkan driver and its loader (libvulkan1), and for NVIDIA's libgl1, libx11-6 and libxext6, which it needs without a display too.",
};

/** An open encoder of one model. */
export interface EncoderSession {
  readonly card: ModelCard;
  /**
   * Embeds `count` images. `pixels`: RGB bytes [count, H, W, 3], as `decodeImage` gives them for each image.
   * Returns [count, D] row by row, each row of unit norm. Blocks the thread while it computes.
   */
  embed(pixels: Uint8Array, count: number): Promise<Float32Array>;
  close(): Promise<void>;
}

/** RGB bytes [count, H, W, 3] → normalised float32 [count, 3, H, W]. */
export function normalisePixels(pixels: Uint8Array, count: number, input: EncoderInput): Float32Array {
  checkLength(pixels, count, input);
  const area = input.width * input.height;
  const scale = input.std.map((s) => 1 / (255 * s));
  const shift = input.mean.map((m, c) => m / input.std[c]!);
  const out = new Float32Array(pixels.length);
  for (let n = 0; n < count; n++) {
    for (let c = 0; c < 3; c++) {
      const to = (n * 3 + c) * area;
      const from = n * area * 3 + c;
      for (let i = 0; i < area; i++) out[to + i] = pixels[from + i * 3]! * scale[c]! - shift[c]!;
    }
  }
  return out;
}

function checkLength(pixels: Uint8Array, count: number, { width, height }: EncoderInput): void {
  const expected = count * width * height * 3;
  if (pixels.length === expected) return;
  throw new RangeError(`Expected ${expected} bytes for ${count} images but received ${pixels.length}`);
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
  const session = await createSession(onnx, card, device, threads);
  const run = async (pixels: Uint8Array, count: number): Promise<Float32Array> => {
    const input = new Tensor("float32", normalisePixels(pixels, count, card.input), [
      count,
      3,
      card.input.height,
      card.input.width,
    ]);
    const { embedding } = await session.run({ pixels: input });
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
  return { card, embed, close: () => session.release() };
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

async function createSession(
  onnx: Uint8Array,
  card: ModelCard,
  device: Device,
  threads: number,
): Promise<InferenceSession> {
  // Where this build lacks the provider, onnxruntime-node would silently use the CPU.
  const built = listSupportedBackends().map(({ name }) => name);
  if (!built.includes(device)) {
    throw new AppError(
      "device_unavailable",
      `The device "${device}" does not exist on this system. There are ${built.join(", ")}.`,
    );
  }
  let session: InferenceSession;
  try {
    session = await InferenceSession.create(onnx, {
      executionProviders: device === "cpu" ? ["cpu"] : [device, "cpu"],
      intraOpNumThreads: threads,
      interOpNumThreads: 1,
      logSeverityLevel: 3,
      // Waiting threads do not spin: while a swap embeds the images again, two encoders share the cores.
      extra: { session: { intra_op: { allow_spinning: "0" } } },
    });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    if (device !== "cpu" && /provider|backend|adapter|device/i.test(reason)) {
      throw new AppError(
        "device_unavailable",
        `The device "${device}" cannot be used here: ${reason}${HOW_TO[device] ?? ""}`,
        {
          cause: error,
        },
      );
    }
    const problem = /protobuf parsing failed/i.test(reason) ? "is not an ONNX file" : "cannot be loaded";
    throw new AppError("invalid_model", `Model "${card.name}" ${problem}: ${reason}`, { cause: error });
  }
  if (session.inputNames.join() !== "pixels" || !session.outputNames.includes("embedding")) {
    throw new AppError(
      "invalid_model",
      `Expected model "${card.name}" to have the input "pixels" and the output "embedding" but it has ${session.inputNames.join(", ")} and ${session.outputNames.join(", ")}.`,
    );
  }
  return session;
}

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
