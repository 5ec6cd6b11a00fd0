// Thumbnails in place of some dots, those that have room; the closer the zoom, the more of them.

import { contentAddress } from "../parts/thumbnail.tsx";
import { api, hasKey } from "../state/server.ts";
import type { MapPoint } from "./map-canvas.tsx";
import { type Size, toScreen, type View } from "./plane.ts";
import { pickSpaced } from "./spacing.ts";

/** Side of a thumbnail, and the least room between two, CSS pixels. */
export const SIDE = 38;
const GAP = 7;
/** Zooms between two choices of thumbnails differ by this factor, so that a choice stays for a while. */
const STEP = Math.SQRT2;
/** Most thumbnails that are kept loaded. */
const KEPT = 2000;

export interface Pictures {
  /** @param colourOf CSS colour of a point's frame. */
  draw(context: CanvasRenderingContext2D, view: View, size: Size, colourOf: (point: MapPoint) => string): void;
}

/** @param loaded Called when a thumbnail has come that was to be drawn. */
export function createPictures(points: readonly MapPoint[], loaded: () => void): Pictures {
  const images = new Map<string, HTMLImageElement>();
  const chosen = new Map<number, readonly MapPoint[]>();

  const chosenAt = (scale: number) => {
    const level = Math.floor(Math.log(scale) / Math.log(STEP));
    let some = chosen.get(level);
    if (!some) {
      some = pickSpaced(points, (SIDE + GAP) / STEP ** level);
      chosen.set(level, some);
    }
    return some;
  };

  const imageOf = (id: string) => {
    let image = images.get(id);
    if (!image) {
      if (images.size >= KEPT) images.delete(images.keys().next().value!);
      image = new Image();
      image.addEventListener("load", loaded);
      images.set(id, image);
      const target = image;
      if (!hasKey()) target.src = contentAddress(id, 96);
      else {
        api.getImageContent(id, { size: 96 }).then(
          (bytes) => {
            target.src = URL.createObjectURL(bytes);
            target.addEventListener("load", () => URL.revokeObjectURL(target.src), { once: true });
          },
          () => {},
        );
      }
    }
    return image;
  };

  return {
    draw(context, view, { width, height }, colourOf) {
      for (const point of chosenAt(view.scale)) {
        const { x, y } = toScreen(view, point);
        if (x < -SIDE || y < -SIDE || x > width + SIDE || y > height + SIDE) continue;
        const image = imageOf(point.id);
        const isLoaded = image.complete && image.naturalWidth > 0;
        const longer = Math.max(image.naturalWidth, image.naturalHeight, 1);
        const w = isLoaded ? (SIDE * image.naturalWidth) / longer : SIDE;
        const h = isLoaded ? (SIDE * image.naturalHeight) / longer : SIDE;
        context.fillStyle = colourOf(point);
        context.beginPath();
        context.roundRect(x - w / 2 - 2, y - h / 2 - 2, w + 4, h + 4, 5);
        context.fill();
        if (isLoaded) context.drawImage(image, x - w / 2, y - h / 2, w, h);
      }
    },
  };
}
