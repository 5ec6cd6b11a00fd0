// Random crops of scenes as the MoCo paper's appendix A.5 has them: scaled by 0.5 to 2, cropped, mirrored.
import type { Random } from "../data/random.ts";
import { NOT_LABELLED } from "./loss.ts";
import type { Scene } from "./scenes.ts";

/** Crops of a batch, ready to feed. */
export interface Crops {
  /** [B, S, S, 3] */
  readonly images: Uint8Array;
  /** [B, S·S]: a class, or −1. */
  readonly labels: Float32Array;
}

const SCALES = [0.5, 2] as const;

/** Draws a square crop of `side` pixels from each scene. */
export function drawCrops(scenes: readonly Scene[], side: number, random: Random): Crops {
  const area = side * side;
  const images = new Uint8Array(scenes.length * area * 3);
  const labels = new Float32Array(scenes.length * area);
  scenes.forEach((scene, n) => {
    const scale = random.uniform(...SCALES);
    const part: Cut = {
      top: firstPixel(scene.height, side / scale, random),
      left: firstPixel(scene.width, side / scale, random),
      ...{ height: side, width: side, scale },
      mirrored: random.uniform() < 0.5,
    };
    cut(scene, part, images.subarray(3 * n * area, 3 * (n + 1) * area), labels.subarray(n * area, (n + 1) * area));
  });
  return { images, labels };
}

/** Where a crop begins: inside the scene, or, where the crop is larger, so that all of the scene is in it. */
function firstPixel(length: number, cropped: number, random: Random): number {
  const slack = length - cropped;
  return random.uniform(Math.min(slack, 0), Math.max(slack, 0));
}

/** Part of a scene, scaled: `top` and `left` in pixels of the scene, `height` and `width` in those of the outcome. */
export interface Cut {
  readonly top: number;
  readonly left: number;
  readonly height: number;
  readonly width: number;
  /** @default 1 */
  readonly scale?: number;
  /** @default false */
  readonly mirrored?: boolean;
}

/**
 * Fills `pixels` [height, width, 3], bilinear, and `labels` [height, width], of the nearest pixel. Beyond the scene its
 * outermost pixels go on, and nothing is labelled.
 */
export function cut(scene: Scene, part: Cut, pixels: Uint8Array, labels: Float32Array): void {
  const rows = places(part.top, part.height, scene.height, part.scale, false);
  const columns = places(part.left, part.width, scene.width, part.scale, part.mirrored);
  let at = 0;
  for (const row of rows) {
    for (const column of columns) {
      const isInside = row.nearest !== undefined && column.nearest !== undefined;
      labels[at] = isInside ? scene.labels[row.nearest! * scene.width + column.nearest!]! : NOT_LABELLED;
      for (let channel = 0; channel < 3; channel++) {
        const value = (y: number, x: number) => scene.pixels[(y * scene.width + x) * 3 + channel]!;
        const above = mix(value(row.before, column.before), value(row.before, column.after), column.share);
        const below = mix(value(row.after, column.before), value(row.after, column.after), column.share);
        pixels[3 * at + channel] = Math.round(mix(above, below, row.share));
      }
      at++;
    }
  }
}

const mix = (a: number, b: number, share: number) => a + (b - a) * share;

/** Where `count` pixels of a cut lie along a side of `length` pixels. */
function places(start: number, count: number, length: number, scale = 1, reversed = false) {
  const all = Array.from({ length: count }, (_, i) => {
    const at = start + (i + 0.5) / scale - 0.5;
    const inside = Math.min(Math.max(at, 0), length - 1);
    const before = Math.floor(inside);
    const nearest = Math.round(at);
    return {
      before,
      after: Math.min(before + 1, length - 1),
      share: inside - before,
      nearest: nearest >= 0 && nearest < length ? nearest : undefined,
    };
  });
  return reversed ? all.reverse() : all;
}
