// From pooled features to the space where the contrastive loss is taken.
import { linear, relu, type Tensor } from "../graph/index.ts";
import type { Scope } from "./scope.ts";

/** `linear` as MoCo v1, `mlp` as v2: a hidden layer and ReLU. */
export type HeadKind = "linear" | "mlp";

/**
 * features [N, F] → [N, dim], not yet normalised. Named `fc` as in torchvision.
 *
 * @param hidden Width of the hidden layer. @default F, as MoCo v2
 */
export function projectionHead(
  features: Tensor,
  scope: Scope,
  kind: HeadKind,
  dim: number,
  hidden = features.shape[1]!,
): Tensor {
  if (kind === "linear") return fullyConnected(features, scope, "fc", dim);
  return fullyConnected(relu(fullyConnected(features, scope, "fc.0", hidden)), scope, "fc.2", dim);
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

/** True where the tensors of an encoder, by their names, include a head's. */
export const hasHead = (tensors: ReadonlyMap<string, unknown>): boolean => [...tensors.keys()].some(isHead);
