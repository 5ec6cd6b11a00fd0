// The encoder of a run: with the projection head as it is trained, and as it is used for search.
import type { TrainingConfig } from "../config/schema.ts";
import {
  add,
  concat,
  constant,
  div,
  globalAveragePool,
  input,
  l2Normalise,
  matmul,
  mul,
  reduceSum,
  scalar,
  slice,
  sqrt,
  sub,
  type Tensor,
} from "../graph/index.ts";
import { backbone, backboneMaps } from "./backbone.ts";
import { type HeadConfig, projectionHead } from "./heads.ts";
import { type Scope, type TensorSpec, tensorSpecs } from "./scope.ts";

/** What of a configuration the encoder is built from. */
type EncoderConfig = Pick<TrainingConfig, "architecture"> & HeadConfig;

/** A linear map of features of length F that evens out their directions: y = (x − mean) · matrix. */
export interface Whitening {
  /** [F] */
  readonly mean: Float32Array;
  /** [F, D], row by row. */
  readonly matrix: Float32Array;
  /** D */
  readonly dimensions: number;
}

/** Which features of an image are searched with. */
export interface FeatureOptions {
  /** The mean of the features of the image and of its mirror image; takes twice the time. @default false */
  readonly mirrored?: boolean;
  /**
   * Pooled features of this many of the last stages, side by side, each of unit norm.
   *
   * @default 1; 2 for whitened features where there are few
   */
  readonly stages?: number;
  /**
   * How much the layout of an image counts: what the quarters of the last stage's map differ from its mean by, times
   * this, side by side with the pooled features. A pooled feature alone does not say where in the image it was.
   *
   * @default 0; 0.4 for whitened features where there are few
   */
  readonly layout?: number;
}

/** What is searched with: the pooled features, those whitened, or the projection that the loss was computed with. */
export type Embedding =
  | ({ readonly kind: "features" } & FeatureOptions)
  | { readonly kind: "projection" }
  | ({ readonly kind: "whitened"; readonly whitening: Whitening } & FeatureOptions);

/** f of the paper: [B, 3, S, S] → [B, D], not normalised. */
export function projectionEncoder(x: Tensor, scope: Scope, config: EncoderConfig): Tensor {
  return projectionHead(backbone(x, scope, config.architecture), scope, config);
}

/** What is searched with, of unit norm: [B, 3, S, S] → [B, D]. */
export function embeddingEncoder(
  x: Tensor,
  scope: Scope,
  config: EncoderConfig,
  embedding: Embedding = { kind: "features" },
): Tensor {
  if (embedding.kind === "projection") return l2Normalise(projectionEncoder(x, scope, config));
  const features = searchFeatures(x, scope, config, embedding);
  if (embedding.kind === "features") return features;
  const { mean, matrix, dimensions } = embedding.whitening;
  const centred = sub(features, constant(mean, [1, mean.length]));
  return l2Normalise(matmul(centred, constant(matrix, [mean.length, dimensions])));
}

/** Pooled features of unit norm, [B, F]. */
function searchFeatures(
  x: Tensor,
  scope: Scope,
  { architecture }: EncoderConfig,
  { mirrored = false, stages = 1, layout = 0 }: FeatureOptions,
): Tensor {
  const of = (image: Tensor) => {
    const maps = backboneMaps(image, scope, architecture).slice(-stages);
    const parts = maps.map((map) => l2Normalise(globalAveragePool(map)));
    const last = maps.at(-1)!;
    if (layout > 0 && last.shape[2]! > 1) parts.push(mul(layoutOf(last), scalar(layout)));
    return parts.length === 1 ? parts[0]! : l2Normalise(concat(parts, 1));
  };
  return mirrored ? l2Normalise(add(of(x), of(mirror(x)))) : of(x);
}

/**
 * What the means of a map's quarters differ by from the mean of all, in units of twice its length:
 * [B, C, H, W] → [B, 4 C]. Twice, as there are four: together they are as long as one of them is on average. Where the
 * side is odd, quarters share its middle.
 */
function layoutOf(map: Tensor): Tensor {
  const mean = globalAveragePool(map);
  const length = sqrt(reduceSum(mul(mean, mean), [1], { keepDims: true }));
  const halves = (part: Tensor, axis: number) => {
    const size = part.shape[axis]!;
    return [slice(part, axis, 0, Math.ceil(size / 2)), slice(part, axis, Math.floor(size / 2), size)];
  };
  const quarters = halves(map, 2).flatMap((half) => halves(half, 3));
  const contrasts = quarters.map((quarter) => sub(globalAveragePool(quarter), mean));
  return div(concat(contrasts, 1), mul(length, scalar(2)));
}

/** Images [B, C, H, W] turned from left to right. */
function mirror(x: Tensor): Tensor {
  const W = x.shape[3]!;
  const reversed = Float32Array.from({ length: W * W }, (_, i) => (i % W === W - 1 - Math.floor(i / W) ? 1 : 0));
  return matmul(x, constant(reversed, [W, W]));
}

/** The tensors of the encoder with its head, in the order of its layers. */
export function encoderTensors(config: TrainingConfig): TensorSpec[] {
  const pixels = input("pixels", [1, 3, config.imageSize, config.imageSize]);
  return tensorSpecs((scope) => projectionEncoder(pixels, scope, config));
}
