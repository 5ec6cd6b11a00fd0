// Fits a model to a collection without training: the same network, its embedding made anew from these images.
import { basename } from "node:path";
import { AppError } from "../../core/errors.ts";
import { sha256 } from "../../core/hash.ts";
import type { Model } from "../../core/model.ts";
import type { ModelCard } from "../../core/model-card.ts";
import { writeModel } from "../../core/model-folder.ts";
import { describeArchitecture } from "../network/backbone.ts";
import { hasHead } from "../network/heads.ts";
import { encodeWeights, type WarmStart } from "../run/warm-start.ts";
import { DEFAULT_EMBEDDING, fitEncoderTo, type ImagesToFit } from "./fitted.ts";
import { atSize, type ExportOptions } from "./publish.ts";

/** Options of {@link fitModel}. The size is that of the model where it is not given. */
export interface FitModelOptions extends ExportOptions, ImagesToFit {
  /** Name of the model to write. */
  readonly name: string;
  readonly modelsFolder: string;
  /** Replace a model of the same name. @default false */
  readonly replace?: boolean;
  /** Threads of the engine. @default every core */
  readonly threads?: number;
}

/**
 * Writes `models/<name>/`: a model's network, whitened on these images, with their typical similarities in its card.
 * It finds the nearest of such images better than the model as it was: see docs/results.md.
 *
 * @throws AppError `invalid_dataset`, `invalid_configuration`, `invalid_model`, `model_exists`.
 */
export async function fitModel(
  { config: trained, weights, model }: WarmStart,
  options: FitModelOptions,
): Promise<Model> {
  const { name, images, modelsFolder, embedding = DEFAULT_EMBEDDING, precision, licence, threads = 0 } = options;
  if (embedding.kind === "projection" && !hasHead(weights)) {
    throw new AppError(
      "invalid_configuration",
      `Expected --embedding whitened or features: "${model.card.name}" has no projection head.`,
    );
  }
  const { evaluations: _, fitted: __, ...before } = model.card; // evaluations are those of another embedding
  const side = options.size ?? before.input.width;
  const input = { ...before.input, width: side, height: side };
  const config = { ...atSize(trained, side), storedSize: Math.max(trained.storedSize, side) };
  const read = (tensor: string) => weights.get(tensor)!.data as Float32Array;
  const { onnx, dimensions, description, scores, count } = await fitEncoderTo(options, config, read, {
    ...{ embedding, input, threads, precision },
  });
  const now = new Date().toISOString();
  const card: ModelCard = {
    ...before,
    ...{ name, input, dimensions, scores },
    version: now,
    sha256: sha256(onnx),
    architecture: `${describeArchitecture(config.architecture)}, ${description}`,
    fitted: {
      data: images.map((path) => basename(path)).join(", "),
      images: count,
      from: { name: before.name, version: before.version },
    },
    licence: licence ?? before.licence,
    createdAt: now,
  };
  const files = { onnx, weights: encodeWeights(trained, weights) };
  return writeModel(modelsFolder, card, files, { replace: options.replace ?? false });
}
