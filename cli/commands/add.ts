// moco-search add: makes any ONNX image encoder a model that the server can serve.
//
//   moco-search add resnet50.onnx --name resnet50 --size 224
import { join } from "node:path";
import { Command, InvalidArgumentError, Option } from "commander";
import { FITS } from "../../core/fit.ts";
import { sha256 } from "../../core/hash.ts";
import type { ModelCard } from "../../core/model-card.ts";
import { MODELS_FOLDER, writeModel } from "../../core/model-folder.ts";
import { LAYOUTS, type Size } from "../add/input.ts";
import { RANGES } from "../add/normalisation.ts";
import { type RecogniseOptions, recogniseEncoder } from "../add/recognise.ts";
import { sentence } from "../add/recognised.ts";
import { checkModel } from "../add/trial.ts";
import { three } from "../numbers.ts";

interface Flags extends RecogniseOptions {
  readonly licence: string;
  readonly replace?: true;
  readonly models: string;
  readonly json?: true;
}

/** `moco-search add`. */
export const command = new Command("add")
  .description(
    "Puts an ONNX image encoder, one exported from PyTorch say, into the models folder with a card, so that a server can activate it. Input, layout, size, batch, normalisation and output are recognised from the file and from the preprocessing config beside it (transformers, open_clip, timm), and said; an option says it better. Embeddings are brought to unit norm. It is checked as a swap would before anything is written.",
  )
  .argument("<encoder.onnx>", "the encoder, as one file")
  .requiredOption("--name <name>", "name of the model to write")
  .option(
    "--size <pixels>",
    "side of its input, or width x height as in 320x240 (default: what the file or the config says, else 224)",
    size,
  )
  .addOption(
    new Option("--layout <order>", "order of the input's axes: colours first or last (default: by its shape)").choices(
      LAYOUTS,
    ),
  )
  .addOption(new Option("--pool <rule>", "how a feature map or tokens become one vector").choices(["mean"]))
  .addOption(
    new Option(
      "--fit <rule>",
      "how other shapes are brought to it: cut, padded or squashed (default: what the config says, else cover)",
    ).choices(FITS),
  )
  .option(
    "--mean <r,g,b>",
    "mean of its normalisation, of values in 0..1 (default: recognised, else ImageNet's)",
    three,
  )
  .option("--std <r,g,b>", "standard deviation of its normalisation (default: recognised, else ImageNet's)", three)
  .addOption(
    new Option("--range <values>", "instead of mean and std: the values that it takes for black and white")
      .choices(Object.keys(RANGES))
      .conflicts(["mean", "std"]),
  )
  .option("--input <name>", "the input, where it has several")
  .option("--output <name>", "the output, where it has several (default: by well-known names, then by shape)")
  .option("--licence <text>", "licence situation of its training data", "unknown")
  .option("--replace", "replace a model of the same name")
  .option("--models <folder>", "folder that the model is written to", MODELS_FOLDER)
  .option("--json", "print the card, and as recognised what is otherwise said, as one line of JSON")
  .addHelpText("after", "\nExample:\n  $ moco-search add resnet50.onnx --name resnet50 --size 224")
  .action(async (path: string, flags: Flags) => {
    const { onnx, card: encoder, recognised } = await recogniseEncoder(path, flags);
    const now = new Date().toISOString();
    const card: ModelCard = {
      format: "moco-search-model",
      formatVersion: 1,
      name: flags.name,
      version: now,
      sha256: sha256(onnx),
      ...encoder,
      architecture: "added from an ONNX file",
      licence: flags.licence,
      createdAt: now,
    };
    await checkModel(card, onnx);
    await writeModel(flags.models, card, { onnx }, { replace: flags.replace ?? false });
    if (flags.json) console.log(JSON.stringify({ ...card, recognised }));
    else {
      for (const one of recognised) console.log(sentence(one));
      console.log(`Wrote ${join(flags.models, card.name)}: ${card.dimensions} dimensions.`);
      console.log(`Let a running server use it:  moco-search activate ${card.name}`);
    }
  });

function size(text: string): Size {
  const [width, height] = (/^(\d+)(?:x(\d+))?$/.exec(text) ?? [])
    .slice(1)
    .map((n) => (n === undefined ? n : Number(n)));
  if (!width) throw new InvalidArgumentError("Expected pixels, such as 224 or 320x240.");
  return { width, height: height ?? width };
}
