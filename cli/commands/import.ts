// moco-search import: an encoder that was trained elsewhere becomes a model.
//
//   moco-search import moco_v2_800ep_pretrain.pth.tar --name moco-v2 --images photos/
import { join } from "node:path";
import { Command, Option } from "commander";
import { FITS } from "../../core/fit.ts";
import type { EncoderInput } from "../../core/model-card.ts";
import { MODELS_FOLDER } from "../../core/model-folder.ts";
import { importEncoder } from "../../training/index.ts";
import { positive, positiveInteger, three } from "../numbers.ts";
import { addExportOptions, type ExportFlags, exportOptionsOf } from "../train/export-options.ts";

interface Flags extends ExportFlags, Partial<Omit<EncoderInput, "width" | "height">> {
  readonly name: string;
  readonly prefix?: string;
  readonly stemStride?: number;
  readonly stemPool?: boolean;
  readonly heads?: number;
  readonly images?: readonly string[];
  readonly replace?: true;
  readonly models: string;
  readonly threads?: number;
  readonly json?: true;
}

/** `moco-search import`. */
export const command = new Command("import")
  .description(
    "Reads an encoder that was trained elsewhere, a .pth, .pth.tar, .pt, .ckpt or .safetensors file of MoCo, lightly, solo-learn, torchvision or timm, and writes models/<name>/. A server can activate it and train --init can go on from it. Network and preprocessing are recognised from names and shapes, and said. Nothing in the file is run.",
  )
  .argument("<file>", "the checkpoint")
  .requiredOption("--name <name>", "name of the model to write")
  .option("--images <images...>", "images to whiten its features on: a folder, a .tar or an idx file")
  .option("--prefix <text>", "what the names of its tensors begin with, where the file has several networks")
  .addOption(new Option("--fit <rule>", "how images of other shapes are brought to its size").choices(FITS))
  .option("--mean <r,g,b>", "mean of its normalisation, of values in 0..1", three)
  .option("--std <r,g,b>", "standard deviation of its normalisation", three)
  .option("--stem-stride <number>", "stride of its first convolution, which the file does not say", positiveInteger)
  .option("--stem-pool", "max pooling after it, which the file does not say")
  .option("--no-stem-pool", "no max pooling after it")
  .option("--heads <number>", "heads of a transformer's attention, which the file does not say", positiveInteger)
  .option("--replace", "replace a model of the same name")
  .option("--models <folder>", "folder that the model is written to", MODELS_FOLDER)
  .option("--threads <number>", "threads (default: all cores)", positive)
  .option("--json", "print the model's card as one line of JSON")
  .addHelpText(
    "after",
    "\nExample:\n  $ moco-search import moco_v2_800ep_pretrain.pth.tar --name moco-v2 --images photos/",
  );
addExportOptions(command);
command.action(async (file: string, flags: Flags) => {
  const { name, prefix, fit, mean, std, stemStride, stemPool, heads, images, models, threads } = flags;
  const { embedding, ...options } = exportOptionsOf(flags);
  const asked = command.getOptionValueSource("embedding") === "cli" || images !== undefined;
  const { model, recognised } = await importEncoder(file, {
    ...options,
    ...(asked && embedding && { embedding }),
    ...(prefix !== undefined && { prefix }),
    ...(fit && { fit }),
    ...(mean && { mean }),
    ...(std && { std }),
    ...(stemStride && { stemStride }),
    ...(stemPool !== undefined && { stemPool }),
    ...(heads && { heads }),
    ...(images && { images }),
    ...(threads && { threads }),
    name,
    modelsFolder: models,
    replace: flags.replace ?? false,
  });
  if (flags.json) console.log(JSON.stringify(model.card));
  else {
    for (const sentence of recognised) console.log(sentence);
    console.log(`Wrote ${join(models, name)}: ${model.card.dimensions} dimensions.`);
    console.log(`Let a running server use it:  moco-search activate ${name}`);
  }
});
