// The score from which images are alike, measured on the stored images and again when the collection has changed.
import type { Generations } from "../generation/generations.ts";
import { measureScores } from "../generation/scores.ts";
import type { Catalogue } from "../storage/ports.ts";

/** Relative change in the number of contents above which it is measured again. */
const CHANGED = 0.1;

/** Returns the threshold of the active generation; undefined where it cannot be measured, as with too few images. */
export type Threshold = () => Promise<number | undefined>;

/** Makes the threshold of a collection. It is measured when it is first asked for. */
export function createThreshold({
  generations,
  catalogue,
}: {
  generations: Generations;
  catalogue: Catalogue;
}): Threshold {
  let measured: { generation: number; contents: number; threshold: Promise<number | undefined> } | undefined;
  return async () => {
    const generation = generations.serving?.number;
    if (generation === undefined) return undefined;
    const contents = await catalogue.contents.count();
    const isCurrent =
      measured?.generation === generation && Math.abs(contents - measured.contents) <= CHANGED * measured.contents;
    if (!measured || !isCurrent) {
      const scores = generations.use((active) => measureScores(active, catalogue));
      measured = { generation, contents, threshold: scores.then((found) => found?.threshold) };
    }
    const asked = measured;
    return asked.threshold.catch(() => {
      if (measured === asked) measured = undefined;
      return undefined;
    });
  };
}
