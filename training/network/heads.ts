// From pooled features to the space where the contrastive loss is taken.
import { linear, matmul, relu, type Tensor, transpose } from "../graph/index.ts";
import type { Scope } from "./scope.ts";

/** Kinds of projection heads: `linear` as MoCo v1, `mlp` as v2, `mlp-bn` with batch norm as v3. */
export const HEADS = ["linear", "mlp", "mlp-bn"] as const;
/** One of {@link HEADS}. */
export type HeadKind = (typeof HEADS)[number];

/** A projection head. */
export interface HeadConfig {
  readonly head: HeadKind;
  /** Width of the hidden layers. @default that of the features, as MoCo v2 */
  readonly headWidth?: number | undefined;
  /** Layers of the kind `mlp-bn`. @default 2 */
  readonly headLayers?: number | undefined;
  /** D, length of a projection. */
  readonly dim: number;
}

/** features [N, F] → [N, D], not yet normalised. Named `fc` as in torchvision. */
export function projectionHead(features: Tensor, scope: Scope, config: HeadConfig): Tensor {
  const { head, dim, headWidth: width = features.shape[1]!, headLayers: layers = 2 } = config;
  if (head === "linear") return fullyConnected(features, scope, "fc", dim);
  if (head === "mlp-bn") return normalisedMlp(features, scope, "fc", { layers, width, dim, lastNorm: true });
  return fullyConnected(relu(fullyConnected(features, scope, "fc.0", width)), scope, "fc.2", dim);
}

/** The predictor of MoCo v3, which only queries pass. */
export interface PredictorConfig {
  /** Width of its hidden layer. */
  readonly width: number;
  /** Batch norm without scale and offset at its end. */
  readonly lastNorm: boolean;
}

/** Projections [N, D] → what the keys are predicted to be [N, D]. */
export const predict = (projections: Tensor, scope: Scope, config: PredictorConfig): Tensor =>
  normalisedMlp(projections, scope, "predictor", { ...config, layers: 2, dim: projections.shape[1]! });

/** Linear layers without bias, each but the last with batch norm and ReLU; named as in MoCo v3's code. */
function normalisedMlp(
  x: Tensor,
  scope: Scope,
  name: string,
  { layers, width, dim, lastNorm }: PredictorConfig & { layers: number; dim: number },
): Tensor {
  let y = x;
  for (let n = 0; n < layers; n++) {
    const isLast = n === layers - 1;
    const shape = [isLast ? dim : width, y.shape[1]!];
    const weight = scope.parameter(`${name}.${3 * n}.weight`, shape, { uniformFanIn: shape[1]! });
    y = matmul(y, transpose(weight, [1, 0]));
    if (!isLast) y = relu(scope.norm(y, `${name}.${3 * n + 1}`));
    else if (lastNorm) y = scope.norm(y, `${name}.${3 * n + 1}`, { affine: false });
  }
  return y;
}

function fullyConnected(x: Tensor, scope: Scope, name: string, outputs: number): Tensor {
  const inputs = x.shape[1]!;
  const init = { uniformFanIn: inputs };
  return linear(
    x,
    scope.parameter(`${name}.weight`, [outputs, inputs], init),
    scope.parameter(`${name}.bias`, [outputs], init),
  );
}

/** True for the name of a tensor of the head. */
export const isHead = (name: string): boolean => name.startsWith("fc.");

/** True for the name of a tensor of the predictor, which is no part of the encoder. */
export const isPredictor = (name: string): boolean => name.startsWith("predictor.");

/** True where the tensors of an encoder, by their names, include a head's. */
export const hasHead = (tensors: ReadonlyMap<string, unknown>): boolean => [...tensors.keys()].some(isHead);
