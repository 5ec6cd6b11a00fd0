// An encoder with a head that labels every pixel: its loss, its prediction, and what that costs.
import {
  add,
  input,
  multiplications,
  reshape,
  samplePoints,
  stopGradient,
  type Tensor,
  upsample,
} from "../graph/index.ts";
import { type Architecture, backboneMaps } from "../network/backbone.ts";
import { evaluationScope, type Scope } from "../network/scope.ts";
import { denseHead, type HeadWidths, pointHead } from "./heads.ts";
import { crossEntropyOfLabelled } from "./loss.ts";
import { OVERSAMPLING, subdivide, trainingPoints } from "./points.ts";

/** `dense`: coarse scores, enlarged. `points`: coarse scores, refined at uncertain points as PointRend does. */
export const SEGMENTATION_HEADS = ["dense", "points"] as const;
/** One of {@link SEGMENTATION_HEADS}. */
export type SegmentationHead = (typeof SEGMENTATION_HEADS)[number];

/** A network that labels pixels. */
export interface Segmenter extends HeadWidths {
  /** A residual network or a RegNet. */
  readonly architecture: Architecture;
  readonly head: SegmentationHead;
}

/** Width of the dense head. */
const WIDTH = 128;
/** Widths are multiples of what the blocked kernels of convolutions take. */
const WIDTH_STEP = 16;
/** One point for so many pixels, in a training step and after each doubling of an inference. */
const PIXELS_A_POINT = 32;
/** Share of a step's points that is chosen by uncertainty: β of the paper. */
const UNCERTAIN_SHARE = 0.75;

/** How many points a step draws in a crop: candidates, of which some are chosen, and others. */
export function pointsOf(side: number): { candidates: number; others: number } {
  const all = Math.ceil(side ** 2 / PIXELS_A_POINT);
  const uncertain = Math.round(UNCERTAIN_SHARE * all);
  return { candidates: OVERSAMPLING * uncertain, others: all - uncertain };
}

/** Pixels of the image, a side, to one place of the last stage's map: a power of two. */
export function strideOf(architecture: Architecture): number {
  const side = 64;
  const maps = backboneMaps(input("pixels", [1, 3, side, side]), countingScope, architecture);
  return side / maps.at(-1)!.shape[2]!;
}

/**
 * The loss of x [N, 3, S, S] with `labels` [N, S·S], a class or −1 → []. With the head `points` it is the loss of the
 * coarse scores and that of points added; for these it takes the inputs `candidates` and `others` [N, _, 2].
 *
 * Where it departs from the paper: points teach the point head alone. Taken where it is hardest, their loss would
 * otherwise outweigh that of all other pixels in the encoder and the coarse scores.
 */
export function segmentationLoss(x: Tensor, labels: Tensor, scope: Scope, segmenter: Segmenter): Tensor {
  const [N, , S] = x.shape as [number, number, number];
  const { fine, coarse } = coarseScores(x, scope, segmenter);
  const enlarged = upsample(coarse, S / coarse.shape[2]!);
  const loss = crossEntropyOfLabelled(reshape(enlarged, [N, segmenter.classes, S * S]), labels);
  if (segmenter.head === "dense") return loss;
  const { candidates, others } = pointsOf(S);
  const points = trainingPoints(coarse, input("candidates", [N, candidates, 2]), input("others", [N, others, 2]));
  const there = samplePoints(reshape(labels, [N, 1, S, S]), points, "nearest");
  const at = (map: Tensor) => samplePoints(stopGradient(map), points);
  const scores = pointHead(at(fine), at(coarse), scope);
  return add(loss, crossEntropyOfLabelled(scores, reshape(there, [N, points.shape[1]!])));
}

/** Scores of every pixel of x [N, 3, H, W], whose sides are multiples of the stride → [N, classes, H, W]. */
export function pixelScores(x: Tensor, scope: Scope, segmenter: Segmenter): Tensor {
  const [, , H, W] = x.shape as [number, number, number, number];
  const { fine, coarse } = coarseScores(x, scope, segmenter);
  const stride = H / coarse.shape[2]!;
  if (segmenter.head === "dense") return upsample(coarse, stride);
  const most = Math.ceil((H * W) / PIXELS_A_POINT);
  return subdivide(coarse, { doublings: Math.log2(stride), most }, (points) =>
    pointHead(samplePoints(fine, points), samplePoints(coarse, points), scope),
  );
}

/** Maps of the first stage, which is fine, and scores of the places of the last, which is coarse. */
function coarseScores(x: Tensor, scope: Scope, segmenter: Segmenter): { fine: Tensor; coarse: Tensor } {
  const maps = backboneMaps(x, scope, segmenter.architecture);
  return { fine: maps[0]!, coarse: denseHead(maps.at(-1)!, scope, segmenter) };
}

/** Multiplications for an image of this size, of the encoder and of the head. */
export function costOf(segmenter: Segmenter, { height, width }: Size): { encoder: number; head: number } {
  const x = input("pixels", [1, 3, height, width]);
  const encoder = multiplications([backboneMaps(x, countingScope, segmenter.architecture).at(-1)!]);
  return { encoder, head: multiplications([pixelScores(x, countingScope, segmenter)]) - encoder };
}

/** Height and width of an image, pixels. */
export interface Size {
  readonly height: number;
  readonly width: number;
}

/**
 * A network with the head `head` that costs no more than with the dense head for an image of this size: what the points
 * cost, the coarse scores of the head `points` have less.
 */
export function equalCost(architecture: Architecture, classes: number, head: SegmentationHead, size: Size): Segmenter {
  const ofWidth = (width: number): Segmenter => ({ architecture, classes, head, width });
  if (head === "dense") return ofWidth(WIDTH);
  const allowed = costOf({ ...ofWidth(WIDTH), head: "dense" }, size).head;
  let width = WIDTH;
  while (width > WIDTH_STEP && costOf(ofWidth(width), size).head > allowed) width -= WIDTH_STEP;
  return ofWidth(width);
}

/** Counts and shapes do not depend on values. */
const countingScope = evaluationScope(({ name, shape }) => input(name, shape));
