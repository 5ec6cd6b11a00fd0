// The encoder of a run: with the projection head as it is trained, and as it is used for search.
import type { TrainingConfig } from "../config/schema.ts";
import { constant, input, l2Normalise, matmul, sub, type Tensor } from "../graph/index.ts";
import { backbone } from "./backbone.ts";
import { projectionHead } from "./heads.ts";
import { type Scope, type TensorSpec, tensorSpecs } from "./scope.ts";

/** What of a configuration the encoder is built from. */
type EncoderConfig = Pick<TrainingConfig, "architecture" | "head" | "dim">;

/** A linear map of features of length F that evens out their directions: y = (x − mean) · matrix. */
export interface Whitening {
  /** [F] */
  readonly mean: Float32Array;
  /** [F, D], row by row. */
  readonly matrix: Float32Array;
  /** D */
  readonly dimensions: number;
}

/** What is searched with: the pooled features, those whitened, or the projection that the loss was computed with. */
export type Embedding =
  | { readonly kind: "features" }
  | { readonly kind: "projection" }
  | { readonly kind: "whitened"; readonly whitening: Whitening };

/** f of the paper: [B, 3, S, S] → [B, D], not normalised. */
export function projectionEncoder(x: Tensor, scope: Scope, { architecture, head, dim }: EncoderConfig): Tensor {
  return projectionHead(backbone(x, scope, architecture), scope, head, dim);
}

/** What is searched with, of unit norm: [B, 3, S, S] → [B, D]. */
export function embeddingEncoder(
  x: Tensor,
  scope: Scope,
  config: EncoderConfig,
  embedding: Embedding = { kind: "features" },
): Tensor {
  if (embedding.kind === "projection") return l2Normalise(projectionEncoder(x, scope, config));
  const features = l2Normalise(backbone(x, scope, config.architecture));
  if (embedding.kind === "features") return features;
  const { mean, matrix, dimensions } = embedding.whitening;
  const centred = sub(features, constant(mean, [1, mean.length]));
  return l2Normalise(matmul(centred, constant(matrix, [mean.length, dimensions])));
}

/** The tensors of the encoder with its head, in the order of its layers. */
export function encoderTensors(config: TrainingConfig): TensorSpec[] {
  const pixels = input("pixels", [1, 3, config.imageSize, config.imageSize]);
  return tensorSpecs((scope) => projectionEncoder(pixels, scope, config));
}
