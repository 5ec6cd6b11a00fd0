// Checks whether a collection can be trained on.
import { AppError } from "../../core/errors.ts";
import type { TrainingConfig } from "../config/schema.ts";
import type { Dataset } from "../data/dataset.ts";

/** Most images that are compared, to find out a collection of copies. */
const COMPARED = 64;

/**
 * @throws AppError `invalid_dataset` where there are fewer images than a batch, or all compared images are the same.
 */
export async function checkCollection(dataset: Dataset, { batch }: Pick<TrainingConfig, "batch">): Promise<void> {
  const { count, width, height } = dataset;
  if (count < batch) {
    throw new AppError(
      "invalid_dataset",
      `Expected at least one batch of ${batch} images but there are ${count}. Choose a --batch of at most ${count}, or add images.`,
    );
  }
  const compared = Math.min(count, COMPARED);
  const length = width * height * 3;
  const pixels = new Uint8Array(compared * length);
  const spread = Array.from({ length: compared }, (_, i) => Math.floor((i * count) / compared));
  await dataset.read(spread, pixels);
  const first = Buffer.from(pixels.buffer, 0, length);
  const differs = (_: number, i: number) => !first.equals(pixels.subarray(i * length, (i + 1) * length));
  if (spread.some(differs)) return;
  throw new AppError(
    "invalid_dataset",
    `Expected different images but all ${compared} that were compared, of ${count}, are the same: there is nothing to tell apart. Name a folder of different images.`,
  );
}
