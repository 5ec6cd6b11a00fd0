// Heads that label pixels: scores for every place of a map, and scores for single points.
import { add, concat, conv2d, relu, reshape, type Tensor } from "../graph/index.ts";
import type { Scope } from "../network/scope.ts";

/** Widths of the heads, and the number of classes C. */
export interface HeadWidths {
  readonly classes: number;
  /** Channels of the two convolutions of {@link denseHead}. */
  readonly width: number;
}

/**
 * The head of the MoCo paper's appendix A.5 in small: two 3×3 convolutions with batch norm, then a 1×1 convolution:
 * [N, F, h, w] → scores [N, C, h, w]. They are not dilated: the paper's crops have 32 places a side and need it to
 * see far, a crop of 96 pixels at stride 8 has 12.
 */
export function denseHead(features: Tensor, scope: Scope, { width, classes }: HeadWidths): Tensor {
  const layer = (x: Tensor, n: number) =>
    relu(scope.convNorm(x, { conv: `head.${n}`, norm: `head.${n + 1}` }, { channels: width, kernel: 3 }));
  return pointwise(layer(layer(features, 0), 3), scope, "head.6", classes, "last");
}

/** Channels of the hidden layers of {@link pointHead}. */
const POINT_WIDTH = 64;
const POINT_LAYERS = 3;

/**
 * PointRend's point head: a small perceptron that every point passes alone, from fine features [N, F, P] and coarse
 * scores [N, C, P], which each of its layers takes again → scores [N, C, P].
 *
 * Where it departs from the paper: what it says is added to the coarse scores. So it begins as the interpolation that
 * it refines, and a short training need not learn that first.
 */
export function pointHead(fine: Tensor, coarse: Tensor, scope: Scope): Tensor {
  const asImage = (x: Tensor) => reshape(x, [x.shape[0]!, x.shape[1]!, 1, x.shape[2]!]);
  const scores = asImage(coarse);
  let y = concat([asImage(fine), scores], 1);
  for (let n = 0; n < POINT_LAYERS; n++) {
    y = concat([relu(pointwise(y, scope, `points.${n}`, POINT_WIDTH, "hidden")), scores], 1);
  }
  const change = pointwise(y, scope, `points.${POINT_LAYERS}`, coarse.shape[1]!, "last");
  return add(coarse, reshape(change, coarse.shape));
}

/** A 1×1 convolution with bias. The last of a head begins near 0, so that every class begins equally likely. */
function pointwise(x: Tensor, scope: Scope, name: string, channels: number, place: "hidden" | "last"): Tensor {
  const init = place === "hidden" ? "he-fan-out" : { deviation: 0.01 };
  const weight = scope.parameter(`${name}.weight`, [channels, x.shape[1]!, 1, 1], init);
  return conv2d(x, weight, {}, scope.parameter(`${name}.bias`, [channels], "zeros"));
}

/** True for the name of a tensor of a head, which is new wherever the encoder comes from. */
export const isOfHead = (name: string): boolean => /^(head|points)\./.test(name);
