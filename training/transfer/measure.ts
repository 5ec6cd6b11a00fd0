// Measures a fine-tuned network on whole images.
import { argMax, cast, compile, input } from "../graph/index.ts";
import { foldedScope } from "../network/scope.ts";
import { cut } from "./crops.ts";
import type { FineTuned } from "./fine-tune.ts";
import { count, nearBoundaries, type Overlap, overlap } from "./mean-iou.ts";
import type { Scene } from "./scenes.ts";
import { pixelScores, type Segmenter, type Size, strideOf } from "./segmenter.ts";
import { normalised, type Start } from "./step.ts";

/** How near a boundary is, in pixels. */
export const BOUNDARY_DISTANCE = 3;

/** Overlap over all pixels, and over those within {@link BOUNDARY_DISTANCE} pixels of a boundary. */
export interface Measured {
  readonly all: Overlap;
  readonly boundary: Overlap;
}

/** Labels each scene in its own size, once, and compares. */
export async function measure(
  scenes: readonly Scene[],
  { tensors }: FineTuned,
  { segmenter, config, threads = 0 }: { segmenter: Segmenter; config: Start["config"]; threads?: number },
): Promise<Measured> {
  const { height: H, width: W } = sizeFor(scenes, segmenter);
  const images = input("images", [1, H, W, 3], "uint8");
  const scope = foldedScope((name) => tensors.get(name)!);
  const predicted = cast(argMax(pixelScores(normalised(images, config), scope, segmenter), 1), "uint8"); // [1, H, W]
  const graph = await compile({ predicted }, { threads });
  const confusion = () => new Float64Array(segmenter.classes ** 2);
  const [all, boundary] = [confusion(), confusion()];
  const [pixels, beyond] = [new Uint8Array(H * W * 3), new Float32Array(H * W)];
  try {
    for (const scene of scenes) {
      cut(scene, { top: 0, left: 0, height: H, width: W }, pixels, beyond);
      const { predicted } = await graph.run({ images: pixels });
      const own = Uint8Array.from(scene.labels, (_, i) => {
        return Number(predicted![Math.floor(i / scene.width) * W + (i % scene.width)]);
      });
      count(all, scene.labels, own);
      count(boundary, nearBoundaries(scene.labels, scene.width, BOUNDARY_DISTANCE), own);
    }
  } finally {
    await graph.release();
  }
  return { all: overlap(all), boundary: overlap(boundary) };
}

/** The size that scenes are labelled in: the largest of them, on to a multiple of the stride. */
export function sizeFor(scenes: readonly Scene[], { architecture }: Pick<Segmenter, "architecture">): Size {
  const stride = strideOf(architecture);
  const upTo = (side: "height" | "width") =>
    stride * Math.ceil(scenes.reduce((most, scene) => Math.max(most, scene[side]), 1) / stride);
  return { height: upTo("height"), width: upTo("width") };
}
