// Thumbnails in place of some dots, those that have room; the closer the zoom, the more of them.

import { contentAddress } from "../parts/thumbnail.tsx";
import { api, hasKey } from "../state/server.ts";
import { type Size, toScreen, type View } from "./plane.ts";
import type { MapPoint } from "./point.ts";
import { pickSpaced } from "./spacing.ts";

/** Side of a thumbnail, its frame, and the least room between two, CSS pixels. */
export const SIDE = 38;
const FRAME = 2;
const GAP = 7;
/** Zooms between two choices of thumbnails differ by this factor, so that a choice stays for a while. */
const STEP = Math.SQRT2;
/** Most thumbnails that are kept loaded. */
const KEPT = 2000;

export interface Pictures {
  /**
   * @param colourOf CSS colour of a point's frame.
   * @param isMoving Nothing is loaded or chosen anew: that waits until the map rests.
   */
  draw(
    context: CanvasRenderingContext2D,
    view: View,
    size: Size,
    colourOf: (point: MapPoint) => string,
    isMoving: boolean,
  ): void;
}

/** A thumbnail as it is drawn: small, in a frame of some colour. */
interface Sprite {
  readonly bitmap: ImageBitmap;
  readonly colour: string;
}

/** A thumbnail as it is loaded, and as it was drawn last. */
interface Picture {
  readonly image: HTMLImageElement;
  sprite?: Sprite;
}

/** @param loaded Called when a thumbnail has come that was to be drawn. */
export function createPictures(points: readonly MapPoint[], loaded: () => void): Pictures {
  const pictures = new Map<string, Picture>();
  const frames = new Map<string, Sprite>();
  const chosen = new Map<number, readonly MapPoint[]>();

  const chosenAt = (scale: number, isMoving: boolean) => {
    const level = Math.floor(Math.log(scale) / Math.log(STEP));
    let some = chosen.get(level);
    if (!some && isMoving) {
      // What had room from farther away has room here.
      const farther = [...chosen.keys()].filter((other) => other < level);
      if (farther.length > 0) return chosen.get(Math.max(...farther))!;
    }
    if (!some) {
      some = pickSpaced(points, (SIDE + GAP) / STEP ** level);
      chosen.set(level, some);
    }
    return some;
  };

  const load = (id: string) => {
    const image = new Image();
    image.addEventListener("load", loaded);
    if (!hasKey()) image.src = contentAddress(id, 96);
    else {
      api.getImageContent(id, { size: 96 }).then(
        (bytes) => {
          image.src = URL.createObjectURL(bytes);
          image.addEventListener("load", () => URL.revokeObjectURL(image.src), { once: true });
        },
        () => {},
      );
    }
    return image;
  };

  /** A frame in place of a thumbnail that has not come. */
  const frameOf = (colour: string) => {
    const sprite = frames.get(colour) ?? spriteOf(undefined, colour);
    frames.set(colour, sprite);
    return sprite;
  };

  const spriteFor = (id: string, colour: string, isMoving: boolean): Sprite => {
    let picture = pictures.get(id);
    if (!picture) {
      if (isMoving) return frameOf(colour);
      if (pictures.size >= KEPT) pictures.delete(pictures.keys().next().value!);
      picture = { image: load(id) };
      pictures.set(id, picture);
    }
    const { image } = picture;
    if (!image.complete || image.naturalWidth === 0) return frameOf(colour);
    if (picture.sprite?.colour !== colour) picture.sprite = spriteOf(image, colour);
    return picture.sprite;
  };

  return {
    draw(context, view, { width, height }, colourOf, isMoving) {
      for (const point of chosenAt(view.scale, isMoving)) {
        const { x, y } = toScreen(view, point);
        if (x < -SIDE || y < -SIDE || x > width + SIDE || y > height + SIDE) continue;
        const { bitmap } = spriteFor(point.id, colourOf(point), isMoving);
        const [w, h] = [bitmap.width / devicePixelRatio, bitmap.height / devicePixelRatio];
        context.drawImage(bitmap, x - w / 2, y - h / 2, w, h);
      }
    },
  };
}

/** An image in a frame, drawn once: to scale it down for every frame of a movement would take too long. */
function spriteOf(image: HTMLImageElement | undefined, colour: string): Sprite {
  const { naturalWidth = 1, naturalHeight = 1 } = image ?? {};
  const longer = Math.max(naturalWidth, naturalHeight);
  const [w, h] = [(SIDE * naturalWidth) / longer, (SIDE * naturalHeight) / longer];
  const pixels = (side: number) => Math.ceil((side + 2 * FRAME) * devicePixelRatio);
  const canvas = new OffscreenCanvas(pixels(w), pixels(h));
  const context = canvas.getContext("2d")!;
  context.scale(devicePixelRatio, devicePixelRatio);
  context.fillStyle = colour;
  context.beginPath();
  context.roundRect(0, 0, w + 2 * FRAME, h + 2 * FRAME, 5);
  context.fill();
  if (image) context.drawImage(image, FRAME, FRAME, w, h);
  return { bitmap: canvas.transferToImageBitmap(), colour };
}
