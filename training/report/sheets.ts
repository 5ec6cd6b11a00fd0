// The pictures of a run as files beside its report: its views, and neighbours at some of its measurements.
import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { replaceFile } from "../../core/files.ts";

/** Most measurements whose neighbours are kept. */
const MOST = 8;

const nameOf = (imagesSeen: number) => `neighbours-${imagesSeen}.png`;

/** The sheets of one run. */
export interface Sheets {
  putViews(png: Uint8Array): Promise<void>;
  /** Keeps the neighbours after so many images. Where there are too many, every second one of the earlier goes. */
  putNeighbours(imagesSeen: number, png: Uint8Array): Promise<void>;
}

/** The sheets in a run's folder, without those after `imagesSeen`: what a run does again, it draws again. */
export async function openSheets(folder: string, imagesSeen: number): Promise<Sheets> {
  let kept = (await readdir(folder))
    .flatMap((name) => /^neighbours-(\d+)\.png$/.exec(name)?.[1] ?? [])
    .map(Number)
    .sort((a, b) => a - b);
  const keep = async (fits: (seen: number, i: number) => boolean) => {
    for (const seen of kept.filter((seen, i) => !fits(seen, i))) await rm(join(folder, nameOf(seen)), { force: true });
    kept = kept.filter(fits);
  };
  await keep((seen) => seen <= imagesSeen);
  return {
    putViews: (png) => replaceFile(join(folder, "views.png"), png),
    async putNeighbours(seen, png) {
      await replaceFile(join(folder, nameOf(seen)), png);
      kept = [...kept.filter((other) => other !== seen), seen];
      if (kept.length > MOST) await keep((_, i) => i % 2 === 0);
    },
  };
}
