// The encoder of a run in its two forms: with the projection head, as it is trained, and as it is used for search.
import type { TrainingConfig } from "./config.ts";
import { l2Normalise, type Tensor } from "./graph/index.ts";
import { backbone } from "./network/backbone.ts";
import { projectionHead } from "./network/heads.ts";
import type { Scope } from "./network/scope.ts";

type Shape = Pick<TrainingConfig, "architecture" | "head" | "dim">;

/** f of the paper: [B, 3, S, S] → [B, D], not normalised. */
export function projectionEncoder(x: Tensor, scope: Scope, { architecture, head, dim }: Shape): Tensor {
  return projectionHead(backbone(x, scope, architecture), scope, head, dim);
}

/** What is searched with: pooled features of unit norm, [B, 3, S, S] → [B, F]. The projection is for the loss only. */
export function embeddingEncoder(x: Tensor, scope: Scope, { architecture }: Pick<Shape, "architecture">): Tensor {
  return l2Normalise(backbone(x, scope, architecture));
}
