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

/** A shade over all that is outside a mask, of the mask's own resolution. */
export async function shadeOutside(mask: string): Promise<OffscreenCanvas> {
  const bytes = Uint8Array.from(atob(mask), (letter) => letter.charCodeAt(0));
  const bitmap = await createImageBitmap(new Blob([bytes], { type: "image/png" }));
  const shade = new OffscreenCanvas(bitmap.width, bitmap.height);
  const context = shade.getContext("2d")!;
  context.drawImage(bitmap, 0, 0);
  const pixels = context.getImageData(0, 0, bitmap.width, bitmap.height);
  for (let at = 0; at < pixels.data.length; at += 4) {
    pixels.data[at + 3] = pixels.data[at]! < 128 ? 0.7 * 255 : 0;
    pixels.data.fill(0, at, at + 3);
  }
  context.putImageData(pixels, 0, 0);
  return shade;
}
