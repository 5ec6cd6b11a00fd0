// The images of a run, as its checkpoint describes them.
import { resolve } from "node:path";
import { z } from "zod";
import { AppError } from "../../core/errors.ts";
import { sha256 } from "../../core/hash.ts";
import type { Dataset } from "../data/dataset.ts";

export const collectionSchema = z.object({
  /** Absolute paths of folders, archives or files. */
  sources: z.array(z.string()).min(1),
  count: z.int().positive(),
  /** SHA-256 of the images' names and sizes in their order: moving a collection does not change it. */
  fingerprint: z.string(),
});

/** The images of a run. */
export type Collection = z.infer<typeof collectionSchema>;

/** Describes the images at `paths`, opened as `dataset`. */
export function collectionOf(paths: readonly string[], dataset: Dataset): Collection {
  const { names, originalWidths, originalHeights, count } = dataset;
  const sizes = [...originalWidths, ...originalHeights];
  return {
    sources: paths.map((path) => resolve(path)),
    count,
    fingerprint: sha256(JSON.stringify([names, sizes])),
  };
}

/** @throws AppError `invalid_dataset` where a resumed run would get other images than it began with. */
export function checkSameCollection(before: Collection, now: Collection): void {
  if (before.fingerprint === now.fingerprint) return;
  throw new AppError(
    "invalid_dataset",
    `Expected the ${before.count} images that the run began with, from ${before.sources.join(", ")}, but the ${now.count} in ${now.sources.join(", ")} are others: the order in which images are drawn would no longer fit. Bring the old images back, or start a new run that begins from a trained model: --init <model>.`,
  );
}
