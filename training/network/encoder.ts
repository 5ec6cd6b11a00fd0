// The encoder of a run: with the projection head as it is trained, and as it is used for search.
import type { TrainingConfig } from "../config/schema.ts";
import { add, constant, input, l2Normalise, matmul, sub, type Tensor, transpose } from "../graph/index.ts";
import { backbone, backboneMaps } from "./backbone.ts";
import { type Dense, dense, layoutOf, scaled, sideBySide, unit } from "./dense.ts";
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
   * @default 0; for whitened features where there are few 0.4, or 0.8 where the images of a collection are laid out alike
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
export function embeddingEncoder(x: Tensor, scope: Scope, config: EncoderConfig, embedding?: Embedding): Tensor {
  return denseEncoder(x, scope, config, embedding).embedding;
}

/**
 * As {@link embeddingEncoder}, and what each cell of the last stage's map adds to the embedding: `cells` [B, h, w, D],
 * whose mean over an image, scaled to unit norm, is its embedding. The mean over a part of the cells is the embedding
 * of that part. A projection and a transformer's class token have no cells, nor has a map of one place.
 */
export function denseEncoder(
  x: Tensor,
  scope: Scope,
  config: EncoderConfig,
  embedding: Embedding = { kind: "features" },
): { readonly embedding: Tensor; readonly cells?: Tensor } {
  if (embedding.kind === "projection") return { embedding: l2Normalise(projectionEncoder(x, scope, config)) };
  const { pooled, cells } = searchFeatures(x, scope, config, embedding);
  const isDense = cells.shape[2]! * cells.shape[3]! > 1;
  const vectors = transpose(cells, [0, 2, 3, 1]);
  if (embedding.kind === "features") return { embedding: pooled, ...(isDense && { cells: vectors }) };
  const { mean, matrix, dimensions } = embedding.whitening;
  const centre = constant(mean, [1, mean.length]);
  const turn = constant(matrix, [mean.length, dimensions]);
  const whitened = (features: Tensor) => matmul(sub(features, centre), turn);
  return { embedding: l2Normalise(whitened(pooled)), ...(isDense && { cells: whitened(vectors) }) };
}

/** Pooled features of unit norm, F of them. */
function searchFeatures(
  x: Tensor,
  scope: Scope,
  { architecture }: EncoderConfig,
  { mirrored = false, stages = 1, layout = 0 }: FeatureOptions,
): Dense {
  const of = (image: Tensor): Dense => {
    const maps = backboneMaps(image, scope, architecture).slice(-stages);
    const last = maps.at(-1)!;
    const parts = maps.map((map) => unit(dense(map, last)));
    if (layout > 0 && last.shape[2]! > 1) parts.push(scaled(layoutOf(last), layout));
    return parts.length === 1 ? parts[0]! : unit(sideBySide(parts));
  };
  if (!mirrored) return of(x);
  const [plain, turned] = [of(x), of(mirror(x))];
  return unit({ pooled: add(plain.pooled, turned.pooled), cells: add(plain.cells, mirror(turned.cells)) });
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
