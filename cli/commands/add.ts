// moco-search add: makes any ONNX image encoder a model that the server can serve.
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
import { sha256 } from "../../core/hash.ts";
import type { EncoderInput, ModelCard } from "../../core/model-card.ts";
import { MODELS_FOLDER, writeModel } from "../../core/model-folder.ts";
import { type DeclaredEncoder, type Pooling, readDeclaration, wrapEncoder } from "../../core/wrap-encoder.ts";
import { three } from "../numbers.ts";

type Size = { readonly width: number; readonly height: number };

interface Flags extends Omit<EncoderInput, "width" | "height"> {
  readonly name: string;
  readonly size?: Size;
  readonly pool?: "mean";
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
    "Puts an ONNX image encoder, one exported from PyTorch say, into the models folder with a card, so that a server can activate it. The file must have a float32 input [N, 3, H, W] and an output [N, D] in float32 or float16; of a feature map [N, C, H, W] or tokens [N, T, C], --pool mean takes the mean. Embeddings are brought to unit norm. It is checked as a swap would before anything is written.",
  )
  .argument("<encoder.onnx>", "the encoder, as one file")
  .requiredOption("--name <name>", "name of the model to write")
  .option(
    "--size <pixels>",
    "side of its input, or width x height as in 320x240 (default: what the file says, else 224)",
    size,
  )
  .addOption(new Option("--pool <rule>", "how a feature map or tokens become one vector").choices(["mean"]))
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
  .action(async (path: string, { fit, mean, std, ...flags }: Flags) => {
    const original = await readFile(path).catch((error) => {
      throw new AppError("invalid_model", `Expected an ONNX file but ${path} cannot be read.`, { cause: error });
    });
    const declared = readDeclaration(original, flags.name, flags);
    const size = sizeOf(declared, flags.size);
    const dims = await outputOf(original, flags.name, declared, size);
    const pooling = poolingOf(dims, flags.pool);
    const { input, output } = declared;
    const onnx = wrapEncoder(original, flags.name, { ...size, input, output, pooling });
    const card: ModelCard = {
      format: "moco-search-model",
      formatVersion: 1,
      name: flags.name,
      version: new Date().toISOString(),
      sha256: sha256(onnx),
      input: { ...size, fit, mean, std },
      dimensions: dimensionsOf(dims, pooling),
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

/** The size of the input: the one that the file fixes, else the user's, else 224. */
function sizeOf({ input, size: fixed }: DeclaredEncoder, asked: Size | undefined): Size {
  if (fixed && asked && (fixed.width !== asked.width || fixed.height !== asked.height)) {
    throw new AppError(
      "invalid_model",
      `Expected images of ${fixed.width}×${fixed.height} pixels, which the input "${input}" is fixed to, but --size says ${asked.width}×${asked.height}. Leave --size out, or export the model with that size.`,
    );
  }
  return fixed ?? asked ?? { width: 224, height: 224 };
}

/** The shape of the output for one image, found by a run. */
async function outputOf(
  onnx: Uint8Array,
  name: string,
  { input, output }: DeclaredEncoder,
  { width, height }: Size,
): Promise<readonly number[]> {
  try {
    const session = await InferenceSession.create(onnx, { logSeverityLevel: 3 });
    const pixels = new Tensor("float32", new Float32Array(3 * width * height).fill(0.1), [1, 3, height, width]);
    const { [output]: embedding } = await session.run({ [input]: pixels }, [output]);
    await session.release();
    return embedding!.dims;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new AppError(
      "invalid_model",
      `Model "${name}" cannot embed an image of ${width}×${height} pixels: ${reason}`,
      { cause: error },
    );
  }
}

/**
 * How the output becomes one vector per image.
 *
 * @throws AppError `invalid_model` where it has several positions and `pool` is not given.
 */
function poolingOf(dims: readonly number[], pool: "mean" | undefined): Pooling {
  const positions = dims.length === 3 ? dims[1]! : dims.slice(2).reduce((a, b) => a * b, 1);
  if (dims.length < 2 || positions <= 1) return "none";
  const [what, pooling] =
    dims.length === 3 ? (["tokens", "tokens"] as const) : (["a feature map", "positions"] as const);
  if (pool) return pooling;
  throw new AppError(
    "invalid_model",
    `Expected one vector for each image but the output is ${what}, [N, ${dims.slice(1).join(", ")}]. Take the mean with --pool mean, or another output with --output.`,
  );
}

/** Length of an embedding. */
function dimensionsOf(dims: readonly number[], pooling: Pooling): number {
  if (pooling === "none") return dims.slice(1).reduce((a, b) => a * b, 1);
  return pooling === "tokens" ? dims[2]! : dims[1]!;
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
