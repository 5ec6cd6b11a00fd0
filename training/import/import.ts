// An encoder from elsewhere → models/<name>/, to be served, continued or measured as one that was trained here.
import { basename } from "node:path";
import { AppError } from "../../core/errors.ts";
import { sha256 } from "../../core/hash.ts";
import type { Model } from "../../core/model.ts";
import type { ModelCard, ModelSource } from "../../core/model-card.ts";
import { writeModel } from "../../core/model-folder.ts";
import type { TrainingConfig } from "../config/schema.ts";
import { type ExportedEncoder, exportEncoder } from "../export/encoder.ts";
import { DEFAULT_EMBEDDING, fitEncoderTo } from "../export/fitted.ts";
import { type ExportOptions, parameterCount } from "../export/publish.ts";
import { type Architecture, describeArchitecture } from "../network/backbone.ts";
import { encoderTensors } from "../network/encoder.ts";
import { hasHead } from "../network/heads.ts";
import { encodeWeights } from "../run/warm-start.ts";
import { type ReadEncoder, type RecogniseOptions, readEncoder } from "./encoder.ts";
import { refusal } from "./file/byte-file.ts";
import type { Checkpoint } from "./file/checkpoint.ts";
import { openCheckpoint } from "./file/open.ts";
import type { FoundNetwork } from "./homes.ts";
import { publishedAccuracy, TRAINERS } from "./published.ts";

/** Options of {@link importEncoder}; what is left out is recognised. */
export interface ImportOptions extends Omit<ExportOptions, "size">, RecogniseOptions {
  readonly name: string;
  readonly modelsFolder: string;
  /**
   * Images to whiten its features on, and to measure typical similarities. Without them its features stay as they are.
   */
  readonly images?: readonly string[];
  /** Replace a model of the same name. @default false */
  readonly replace?: boolean;
  /** Folder for decoded images. @default the user's cache folder */
  readonly cacheFolder?: string;
  /** Threads of the engine. @default every core */
  readonly threads?: number;
}

/** The imported model, and what was recognised, in sentences. */
export interface Imported {
  readonly model: Model;
  readonly recognised: readonly string[];
}

/** Images that the export is checked on where the user gives none. */
const CHECKED = 2;

/**
 * Reads an encoder of a checkpoint and writes `models/<name>/`.
 *
 * @throws AppError `invalid_checkpoint` that names what cannot be read or recognised, `invalid_configuration`,
 *   `invalid_dataset`, `invalid_model`, `model_exists`.
 */
export async function importEncoder(path: string, options: ImportOptions): Promise<Imported> {
  const file = openCheckpoint(path);
  let encoder: ReadEncoder;
  try {
    encoder = readEncoder(file, options);
  } finally {
    file.close();
  }
  const { config, input, weights, network } = encoder;
  const read = (name: string) => weights.get(name)!.data as Float32Array;
  const embedding = options.embedding ?? (options.images ? DEFAULT_EMBEDDING : { kind: "features" });
  if (embedding.kind === "projection" && !hasHead(weights)) {
    throw refusal("it has no projection head that is known. Use --embedding whitened or features");
  }
  const exported = await exportOf();
  const { onnx, dimensions, description } = exported;
  const source = sourceOf(path, file, network, config);
  const now = new Date().toISOString();
  const card: ModelCard = {
    format: "moco-search-model",
    formatVersion: 1,
    name: options.name,
    version: now,
    sha256: sha256(onnx),
    input,
    dimensions,
    architecture: `${describeArchitecture(config.architecture)}, ${description}`,
    parameters: parameterCount(encoderTensors(config)),
    source,
    ...(exported.scores && { scores: exported.scores }),
    licence: options.licence ?? "unknown: that of the imported file",
    createdAt: now,
  };
  const model = await writeModel(
    options.modelsFolder,
    card,
    { onnx, weights: encodeWeights(config, weights) },
    { replace: options.replace ?? false },
  );
  return { model, recognised: sentences(source, encoder) };

  async function exportOf(): Promise<ExportedEncoder & Pick<ModelCard, "scores">> {
    const { images, threads = 0, precision, cacheFolder } = options;
    if (images) {
      const to = { images, ...(cacheFolder && { cacheFolder }) };
      return fitEncoderTo(to, config, read, { embedding, input, threads, precision });
    }
    if (embedding.kind === "whitened") {
      throw new AppError(
        "invalid_configuration",
        "Expected images to fit the whitening to. Name them with --images, or import plain features with --embedding features.",
      );
    }
    const check = Float32Array.from({ length: CHECKED * 3 * input.width * input.height }, (_, i) => Math.sin(i * i));
    return exportEncoder(config, read, check, { embedding, ...(precision && { precision }) });
  }
}

function sourceOf(
  path: string,
  { format, facts }: Checkpoint,
  { trainer }: FoundNetwork,
  config: TrainingConfig,
): ModelSource {
  const epochs = Number(facts.get("epoch") ?? Number.NaN);
  const counted = Number.isInteger(epochs) && epochs > 0 ? { epochs } : {};
  const published = publishedAccuracy(config.architecture, trainer, counted.epochs);
  return { file: basename(path), format, training: TRAINERS[trainer], ...counted, ...(published && { published }) };
}

function sentences(source: ModelSource, { network, config, input, weights, isStated }: ReadEncoder): string[] {
  const { architecture } = config;
  const head = hasHead(weights) ? "with its projection head" : "without a projection head";
  return [
    `File: ${source.format}${source.epochs ? `, after ${source.epochs} epochs` : ""}.`,
    `Training: ${source.training}; tensors ${network.prefix}…, names as ${network.layout}, ${head}.`,
    `Network: ${describeArchitecture(architecture)}${firstLayer(architecture)}${isStated ? ", as the file states" : ""}.`,
    `Images: ${input.width}×${input.height} pixels, ${input.fit}, mean ${input.mean.join(", ")}, standard deviation ${input.std.join(", ")}.`,
    ...(source.published ? [`Published, not measured here: ${source.published}.`] : []),
  ];
}

function firstLayer(architecture: Architecture): string {
  if (architecture.block === "vit") return "";
  const { kernel, stride, maxPool } = architecture.stem;
  return `; first layer ${kernel}×${kernel} of stride ${stride}${maxPool ? " and max pooling" : ""}`;
}
