// Looks at a collection before it is decoded.
import { resolve } from "node:path";
import { openSource } from "./open-source.ts";

/** Median of the smaller sides of the first `look` images of each path, pixels; undefined where none can be decoded. */
export async function medianSide(paths: readonly string[], look = 48): Promise<number | undefined> {
  const sides: number[] = [];
  for (const path of paths) {
    let seen = 0;
    for await (const image of openSource(resolve(path), { named: false }).images()) {
      const decoded = await image.decode({ width: 1, height: 1, fit: "fill" }).catch(() => undefined);
      if (decoded) sides.push(Math.min(decoded.width, decoded.height));
      if (++seen === look) break;
    }
  }
  return sides.sort((a, b) => a - b)[sides.length >> 1];
}
