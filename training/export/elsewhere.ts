// An encoder's weights for PyTorch: safetensors by torchvision's or timm's names, and the lines of Python that build
// the network there and load them strictly.
import { readFile, stat } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { replaceFile } from "../../core/files.ts";
import { readModel, WEIGHTS_FILE } from "../../core/model-folder.ts";
import type { TrainingConfig } from "../config/schema.ts";
import { encodeSafetensors, type StoredTensor } from "../data/safetensors.ts";
import { STATED, stateNetwork } from "../import/stated.ts";
import { encoderTensors } from "../network/encoder.ts";
import { isHead } from "../network/heads.ts";
import { regnetToTimm } from "../network/timm-names.ts";
import { CHECKPOINT_FILE, loadCheckpoint } from "../run/checkpoint.ts";
import { decodeWeights } from "../run/warm-start.ts";
import { type Library, pythonOf } from "./python.ts";

/** Options of {@link exportWeights}. */
export interface ExportWeightsOptions {
  readonly library: Library;
  /** File to write. @default "<name of the folder>.safetensors" in the working directory */
  readonly output?: string;
}

/** What was written. */
export interface ExportedWeights {
  readonly path: string;
  /** The lines of Python that load it; they stand in the file's metadata too, as `python`. */
  readonly python: string;
}

/**
 * Writes the encoder of a run's last checkpoint or of a model for PyTorch, without its projection head.
 *
 * @param folder Of a run, such as runs/photos, or of a model, such as models/photos.
 * @throws AppError `invalid_checkpoint` where the folder has neither, `invalid_configuration` where the library has no
 *   such network.
 */
export async function exportWeights(
  folder: string,
  { library, output = `${basename(resolve(folder))}.safetensors` }: ExportWeightsOptions,
): Promise<ExportedWeights> {
  const { config, read } = await encoderOf(folder);
  const python = pythonOf(config, library, basename(output));
  const rename = library === "timm" && config.architecture.block === "regnet" ? regnetToTimm : (name: string) => name;
  const tensors = new Map<string, StoredTensor>();
  for (const { name } of encoderTensors(config).filter(({ name }) => !isHead(name))) {
    tensors.set(rename(name), read(name));
    // PyTorch counts the batches of each batch norm; with a momentum the count changes nothing.
    if (name.endsWith("running_var")) {
      const counter = rename(name).replace(/running_var$/, "num_batches_tracked");
      tensors.set(counter, { shape: [], data: new BigInt64Array(1) });
    }
  }
  await replaceFile(
    output,
    encodeSafetensors({ tensors, metadata: { format: "pt", python, [STATED]: stateNetwork(config) } }),
  );
  return { path: output, python };
}

/** The query encoder of a run or a model. */
async function encoderOf(folder: string): Promise<{ config: TrainingConfig; read: (name: string) => StoredTensor }> {
  const path = join(folder, WEIGHTS_FILE);
  if (await stat(path).catch(() => undefined)) {
    const { config, weights } = decodeWeights(await readFile(path), path);
    const { card } = await readModel(dirname(resolve(folder)), basename(resolve(folder)));
    // It may have been exported for images of another size than those it was trained on.
    return { config: { ...config, imageSize: card.input.width }, read: (name) => weights.get(name)! };
  }
  const { config, tensors } = await loadCheckpoint(join(folder, CHECKPOINT_FILE));
  return { config, read: (name) => tensors.get(`q.${name}`)! };
}
