// The paper's ablations on any collection: short runs that differ in one thing and are measured in the same way.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Budget } from "../config/recipes.ts";
import { merge, type Settings } from "../config/settle.ts";
import type { Epoch } from "../run/log.ts";
import { type PrepareOptions, prepare } from "../run/prepare.ts";
import { train } from "../train.ts";
import { type Ablation, type Variant, variantsOf } from "./variants.ts";

/** The outcome of one run. */
export interface Outcome extends Omit<Variant, "settings"> {
  readonly loss: number;
  /** Contrastive accuracy of the training, averaged over the run. */
  readonly contrastiveAccuracy: number;
  /** The same with running statistics: far below where batch statistics leak. */
  readonly evaluationAccuracy: number;
  /** Share of images whose neighbours have their label; undefined where images have none. */
  readonly knn: number | undefined;
  readonly imagesPerSecond: number;
  /** The verdict in plain words. */
  readonly verdict: string;
}

/** Options of {@link ablate}. */
export interface AblateOptions extends PrepareOptions {
  readonly ablations: readonly Ablation[];
  /** Length of each run. */
  readonly budget: Budget;
  /** Threads of the engine. @default every core */
  readonly threads?: number;
  /** As of a training. */
  readonly tuningFile?: string;
  /** As of a training. */
  readonly recompute?: boolean;
  readonly signal?: AbortSignal;
  /** Called before each run. */
  readonly onRun?: (run: { variant: Variant; number: number; of: number }) => void;
}

/**
 * Trains every variant and measures its encoder on the images themselves: kNN where folders are labels, and the
 * label-free measures.
 *
 * @returns An outcome for each variant, in order; fewer where the signal stopped it.
 * @throws AppError as a training does.
 */
export async function ablate(options: AblateOptions): Promise<Outcome[]> {
  const { ablations, budget, onRun, signal, threads, ...prepared } = options;
  const { config, dataset } = await prepare(prepared);
  await dataset.close();
  const variants = variantsOf(ablations, config);
  const outcomes: Outcome[] = [];
  for (const [i, variant] of variants.entries()) {
    if (signal?.aborted) break;
    onRun?.({ variant, number: i + 1, of: variants.length });
    const folder = await mkdtemp(join(tmpdir(), "moco-search-ablate-"));
    let last: Epoch | undefined;
    try {
      await train({
        ...prepared,
        config: merge({ ...prepared.config, batch: config.batch }, variant.settings) as Settings,
        ...(signal && { signal }),
        ...(threads && { threads }),
        budget,
        name: "variant",
        modelsFolder: join(folder, "models"),
        runFolder: join(folder, "run"),
        checkpointMinutes: Number.POSITIVE_INFINITY,
        secondsBetweenMeasures: Number.POSITIVE_INFINITY, // only the last step is measured
        onEvent(event) {
          if (event.kind === "epoch") last = event.epoch;
        },
      });
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
    if (!last) break; // stopped by the signal
    const { loss, contrastiveAccuracy, evaluationAccuracy, knn, imagesPerSecond, verdict } = last;
    const { ablation, series, value } = variant;
    const measures = { loss, contrastiveAccuracy, evaluationAccuracy, knn, imagesPerSecond };
    outcomes.push({ ablation, series, value, ...measures, verdict: verdict.message });
  }
  return outcomes;
}
