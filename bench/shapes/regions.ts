// Labelled regions of scenes, and where one would click on them.
import type { Mask } from "../../core/mask.ts";
import type { Point } from "../../server/domain/shape.ts";
import type { Scene } from "../../training/transfer/scenes.ts";

/** A connected part of a scene that is of one class. */
export interface Region {
  readonly scene: Scene;
  readonly label: number;
  readonly mask: Mask;
  /** The pixel that is the farthest from its border, as a share of the scene. */
  readonly click: Point;
}

/** Regions of at least `share` of their scene. */
export function regionsOf(scene: Scene, share: number): Region[] {
  const { width, height, labels } = scene;
  const seen = new Uint8Array(width * height);
  const regions: Region[] = [];
  for (let start = 0; start < labels.length; start++) {
    if (seen[start] || labels[start]! < 0) continue;
    const inside = new Uint8Array(width * height);
    const waiting = [start];
    seen[start] = 1;
    let pixels = 0;
    for (let at = waiting.pop(); at !== undefined; at = waiting.pop()) {
      inside[at] = 1;
      pixels++;
      for (const next of around(at, width, height)) {
        if (seen[next] || labels[next] !== labels[start]) continue;
        seen[next] = 1;
        waiting.push(next);
      }
    }
    if (pixels < share * labels.length) continue;
    const mask = { width, height, inside };
    regions.push({ scene, label: labels[start]!, mask, click: innermost(mask) });
  }
  return regions;
}

/** The pixel that the most layers lie around; the first of several. */
function innermost({ width, height, inside }: Mask): Point {
  let layer = [...inside.keys()].filter((at) => inside[at] && !isInner(at, inside, width, height));
  const left = inside.slice();
  let last = layer[0] ?? inside.indexOf(1);
  while (layer.length > 0) {
    last = layer[0]!;
    for (const at of layer) left[at] = 0;
    layer = [...new Set(layer.flatMap((at) => around(at, width, height)))].filter((at) => left[at]);
  }
  return { x: ((last % width) + 0.5) / width, y: (Math.floor(last / width) + 0.5) / height };
}

/** True where all pixels around one are inside; beyond the picture none is. */
const isInner = (at: number, inside: Uint8Array, width: number, height: number): boolean => {
  const neighbours = around(at, width, height);
  return neighbours.length === 4 && neighbours.every((next) => inside[next]);
};

function around(at: number, width: number, height: number): number[] {
  return [
    ...(at % width > 0 ? [at - 1] : []),
    ...(at % width < width - 1 ? [at + 1] : []),
    ...(at >= width ? [at - width] : []),
    ...(at + width < width * height ? [at + width] : []),
  ];
}

/** Intersection over union of a mask of any resolution with a region's, pixel by pixel of the region. */
export function overlap({ mask: { width, height, inside } }: Region, other: Mask): number {
  let [both, either] = [0, 0];
  for (const [at, value] of inside.entries()) {
    const x = Math.floor((((at % width) + 0.5) * other.width) / width);
    const y = Math.floor(((Math.floor(at / width) + 0.5) * other.height) / height);
    const found = other.inside[y * other.width + x]!;
    both += value & found;
    either += value | found;
  }
  return both / either;
}
