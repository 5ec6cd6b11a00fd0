// moco-search add: an ONNX image encoder from anywhere, as a model that the server can serve.
//
//   moco-search add resnet50.onnx --name resnet50 --size 224
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Command, InvalidArgumentError, Option } from "commander";
import { InferenceSession, Tensor } from "onnxruntime-node";
import { openEncoder } from "../../core/encoder-session.ts";
import { AppError } from "../../core/errors.ts";
import { FITS } from "../../core/fit.ts";
import type { EncoderInput, ModelCard } from "../../core/model-card.ts";
import { MODELS_FOLDER, sha256, writeModel } from "../../core/model-folder.ts";
import { wrapEncoder } from "../../core/wrap-encoder.ts";
import { three } from "../numbers.ts";

interface Flags extends Omit<EncoderInput, "width" | "height"> {
  readonly name: string;
  readonly size: { readonly width: number; readonly height: number };
  readonly input?: string;
  readonly output?: string;
  readonly licence: string;
  readonly replace?: true;
  readonly models: string;
  readonly json?: true;
}

/** `moco-search add`. */
export const command = new Command("add")
  .description(
    "Puts an ONNX image encoder, one exported from PyTorch say, into the models folder with a card, so that a server can activate it. The file must have a float32 input [N, 3, H, W] and an output [N, D] (or [N, D, 1, 1]); embeddings are brought to unit norm. It is checked as a swap would before anything is written.",
  )
  .argument("<encoder.onnx>", "the encoder, as one file")
  .requiredOption("--name <name>", "name of the model to write")
  .addOption(
    new Option("--size <pixels>", "side of its input, or width x height as in 320x240")
      .argParser(size)
      .default({ width: 224, height: 224 }, "224"),
  )
  .addOption(
    new Option("--fit <rule>", "how other shapes are brought to it: cut, padded or squashed")
      .choices(FITS)
      .default("cover"),
  )
  .option("--mean <r,g,b>", "mean of its normalisation, of values in 0..1", three, [0.485, 0.456, 0.406])
  .option("--std <r,g,b>", "standard deviation of its normalisation", three, [0.229, 0.224, 0.225])
  .option("--input <name>", "the input, where it has several")
  .option("--output <name>", "the output, where it has several")
  .option("--licence <text>", "licence situation of its training data", "unknown")
  .option("--replace", "replace a model of the same name")
  .option("--models <folder>", "folder that the model is written to", MODELS_FOLDER)
  .option("--json", "print the card as one line of JSON")
  .addHelpText("after", "\nExample:\n  $ moco-search add resnet50.onnx --name resnet50 --size 224")
  .action(async (path: string, { size, fit, mean, std, ...flags }: Flags) => {
    const original = await readFile(path).catch((error) => {
      throw new AppError("invalid_model", `Expected an ONNX file but ${path} cannot be read.`, { cause: error });
    });
    const onnx = wrapEncoder(original, flags.name, { ...size, input: flags.input, output: flags.output });
    const card: ModelCard = {
      format: "moco-search-model",
      formatVersion: 1,
      name: flags.name,
      version: new Date().toISOString(),
      sha256: sha256(onnx),
      input: { ...size, fit, mean, std },
      dimensions: await dimensionsOf(onnx, flags.name, size),
      architecture: "added from an ONNX file",
      licence: flags.licence,
      createdAt: new Date().toISOString(),
    };
    await check(card, onnx);
    await writeModel(flags.models, card, { onnx }, { replace: flags.replace ?? false });
    if (flags.json) console.log(JSON.stringify(card));
    else {
      console.log(`Wrote ${join(flags.models, card.name)}: ${card.dimensions} dimensions.`);
      console.log(`Let a running server use it:  moco-search activate ${card.name}`);
    }
  });

/** Length of an embedding. */
async function dimensionsOf(onnx: Uint8Array, name: string, { width, height }: Flags["size"]): Promise<number> {
  try {
    const session = await InferenceSession.create(onnx, { logSeverityLevel: 3 });
    const pixels = new Tensor("float32", new Float32Array(3 * width * height).fill(0.1), [1, 3, height, width]);
    const { embedding } = await session.run({ pixels });
    await session.release();
    return embedding!.dims.at(-1)!;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new AppError(
      "invalid_model",
      `Model "${name}" cannot embed an image of ${width}×${height} pixels: ${reason}`,
      {
        cause: error,
      },
    );
  }
}

/** Opens the model as a server would and embeds several images at once. */
async function check(card: ModelCard, onnx: Uint8Array): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "moco-search-add-"));
  try {
    const session = await openEncoder(await writeModel(folder, card, { onnx }));
    const count = 3;
    const pixels = new Uint8Array(count * card.input.width * card.input.height * 3).map((_, i) => (i * 31) % 251);
    await session.embed(pixels, count).catch((error) => {
      throw new AppError(
        "invalid_model",
        `Model "${card.name}" embeds one image but not ${count} at once. Export it with a symbolic batch size (dynamic_axes).`,
        { cause: error },
      );
    });
    await session.close();
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function size(text: string): { width: number; height: number } {
  const [width, height] = (/^(\d+)(?:x(\d+))?$/.exec(text) ?? [])
    .slice(1)
    .map((n) => (n === undefined ? n : Number(n)));
  if (!width) throw new InvalidArgumentError("Expected pixels, such as 224 or 320x240.");
  return { width, height: height ?? width };
}
