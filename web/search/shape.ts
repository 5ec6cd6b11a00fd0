// The shape of a thing in the query image: asked for where it was clicked on, and drawn over the picture.
import type { Client } from "../../client/index.ts";
import { keptFile, type Query } from "./find.ts";

/** A place in an image, 0..1 from its left and from its top. */
export interface Place {
  readonly x: number;
  readonly y: number;
}

/** The mask of the thing at a place, as the server answers it: a grey PNG in base64. */
export async function findShape({ id, file }: Query, point: Place, client: Client): Promise<string> {
  if (id) return (await client.segment({ id, point })).mask;
  const image = await keptFile(file!);
  if (!image) throw new Error("This browser no longer has the image of this address.");
  return (await client.segmentImage(image, { point })).mask;
}

/** A shade over all that is outside a mask, with a white line around it, of the mask's own resolution. */
export async function shadeOutside(mask: string): Promise<OffscreenCanvas> {
  const bytes = Uint8Array.from(atob(mask), (letter) => letter.charCodeAt(0));
  const bitmap = await createImageBitmap(new Blob([bytes], { type: "image/png" }));
  const shade = new OffscreenCanvas(bitmap.width, bitmap.height);
  const context = shade.getContext("2d")!;
  context.drawImage(bitmap, 0, 0);
  const { data } = context.getImageData(0, 0, bitmap.width, bitmap.height);
  const isInside = (x: number, y: number) =>
    x >= 0 && y >= 0 && x < bitmap.width && y < bitmap.height && data[4 * (y * bitmap.width + x)]! >= 128;
  const pixels = context.createImageData(bitmap.width, bitmap.height);
  for (let i = 0; i < bitmap.width * bitmap.height; i++) {
    const [x, y] = [i % bitmap.width, Math.floor(i / bitmap.width)];
    if (isInside(x, y)) continue;
    const isBeside = isInside(x - 1, y) || isInside(x + 1, y) || isInside(x, y - 1) || isInside(x, y + 1);
    pixels.data.set(isBeside ? [255, 255, 255, 255] : [0, 0, 0, 0.6 * 255], 4 * i);
  }
  context.putImageData(pixels, 0, 0);
  return shade;
}
