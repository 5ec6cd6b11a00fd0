// The score from which images are alike, measured on what is stored while the collection grows.
import type { Generations } from "../generation/generations.ts";
import { measureScores } from "../generation/scores.ts";
import type { Catalogue } from "../storage/ports.ts";

/** Share by which the collection may have changed since it was measured. */
const CHANGED = 0.1;

/** The threshold of the generation that answers; undefined where too little is stored or the index is being built. */
export type Threshold = () => Promise<number | undefined>;

/** Makes the threshold of a collection. It is measured when it is asked for, and again once a tenth has changed. */
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
