// What only a run shows of an encoder: the shape of its output, and how many images it takes at once.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type EncoderSession, openEncoder } from "../../core/encoder-session.ts";
import { AppError } from "../../core/errors.ts";
import type { ModelCard } from "../../core/model-card.ts";
import { writeModel } from "../../core/model-folder.ts";
import { InferenceSession, Tensor } from "../../core/onnxruntime.ts";
import { shapeText } from "./encoder-file.ts";
import type { Size } from "./input.ts";
import type { Recognised } from "./recognised.ts";
import { wrappedName } from "./wrap-encoder.ts";

/** What is tried. */
export interface TrialOptions extends Size {
  readonly output: string;
  /** Images of one run, where the file fixes it. */
  readonly batch: number | undefined;
}

/** What a trial shows. */
export interface Trial {
  /** Shape of the output. */
  readonly dims: readonly number[];
  /** Images of one run, where it takes no other number. */
  readonly batch: number | undefined;
  readonly recognised: Recognised;
}

/**
 * Runs an encoder that takes `pixels` on even images.
 *
 * @throws AppError `invalid_model` where it cannot be loaded or run, or has no row for each image.
 */
export async function tryEncoder(onnx: Uint8Array, name: string, options: TrialOptions): Promise<Trial> {
  const { width, height, batch } = options;
  const output = wrappedName(options.output);
  const session = await InferenceSession.create(onnx, { logSeverityLevel: 4 }).catch((error) => {
    throw loadingError(error, name);
  });
  const shapeOf = async (count: number): Promise<readonly number[]> => {
    const values = new Float32Array(count * 3 * width * height).fill(0.1);
    const { [output]: answer } = await session.run(
      { pixels: new Tensor("float32", values, [count, 3, height, width]) },
      [output],
    );
    return answer!.dims;
  };
  try {
    const count = batch ?? 1;
    const dims = await shapeOf(count).catch((error) => {
      const problem = `Model "${name}" cannot embed an image of ${width}×${height} pixels: ${reasonOf(error)}`;
      throw new AppError("invalid_model", problem, { cause: error });
    });
    if (dims.length < 2 || dims[0] !== count) {
      throw new AppError(
        "invalid_model",
        `Expected the output "${options.output}" to have a row for each image but it is ${shapeText(dims)} for ${count}. Export the model without squeezing that axis, or take another output with --output.`,
      );
    }
    if (batch !== undefined) {
      const says = `${batch} at a time, which it is fixed to. A symbolic batch size (dynamic_axes) is faster`;
      return { dims, batch, recognised: { what: "batch", says, from: "file" } };
    }
    const takesTwo = await shapeOf(2).then(
      (two) => two.length === dims.length && two[0] === 2 && two.slice(1).every((size, i) => size === dims[i + 1]),
      () => false,
    );
    const says = takesTwo ? "any number of images" : "1 at a time; the file says any number but two fail";
    return { dims, batch: takesTwo ? undefined : 1, recognised: { what: "batch", says, from: "trial" } };
  } finally {
    await session.release();
  }
}

/** Why onnxruntime does not load a file: it says itself which versions it knows. */
function loadingError(error: unknown, name: string): AppError {
  const reason = reasonOf(error);
  const [, opset, domain, last] =
    /Opset (\d+) is under development.* domain (\S+) is till opset (\d+)/s.exec(reason) ?? [];
  const [, version, latest] = /Unsupported model IR version: (\d+), max supported IR version: (\d+)/.exec(reason) ?? [];
  const problem = opset
    ? `Expected opset ${last} or earlier of ${domain} but model "${name}" has opset ${opset}, which this onnxruntime does not support. Export it with opset_version=${last}.`
    : version
      ? `Expected IR version ${latest} or earlier but model "${name}" has IR version ${version}, which this onnxruntime does not support. Save it with an earlier version of onnx, or set model.ir_version = ${latest}.`
      : `Model "${name}" cannot be loaded: ${reason}`;
  return new AppError("invalid_model", problem, { cause: error });
}

const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** Images that are embedded together and alone. */
const CHECKED = 3;

/**
 * Opens the model as a server would and embeds images at once and alone.
 *
 * @throws AppError `invalid_model` where it cannot be opened, or an embedding depends on the images beside it.
 */
export async function checkModel(card: ModelCard, onnx: Uint8Array): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "moco-search-add-"));
  try {
    const session = await openEncoder(await writeModel(folder, card, { onnx }));
    try {
      await checkIndependence(session);
    } finally {
      await session.close();
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function checkIndependence({ card, embed }: EncoderSession): Promise<void> {
  const { input, dimensions } = card;
  const imageBytes = input.width * input.height * 3;
  const pixels = Uint8Array.from({ length: CHECKED * imageBytes }, (_, i) => {
    const image = Math.floor(i / imageBytes);
    return ((i % imageBytes) * (31 + 6 * image) + 60 * image) % (251 - 70 * image);
  });
  const together = await embed(pixels, CHECKED);
  for (let image = 0; image < CHECKED; image++) {
    const alone = await embed(pixels.subarray(image * imageBytes, (image + 1) * imageBytes), 1);
    const cosine = alone.reduce((sum, value, i) => sum + value * together[image * dimensions + i]!, 0);
    if (cosine > 0.999) continue;
    throw new AppError(
      "invalid_model",
      `Expected an image's embedding to be the same whatever it is embedded with, but model "${card.name}" gives it a cosine of ${cosine.toFixed(3)} to itself. Export the model in evaluation mode, model.eval().`,
    );
  }
}
