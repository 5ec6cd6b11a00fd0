// The paper's ablations on any collection: many short runs that differ in one thing, measured alike.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Budget } from "../config/recipes.ts";
import { merge, type Settings } from "../config/settle.ts";
import type { Epoch } from "../run/log.ts";
import { type PrepareOptions, prepare } from "../run/prepare.ts";
import { train } from "../train.ts";
import { type Ablation, type Variant, variantsOf } from "./variants.ts";

/** What a run came to. */
export interface Outcome extends Omit<Variant, "settings"> {
  readonly loss: number;
  /** Share of queries whose own key was nearest while training, over the whole run. */
  readonly contrastiveAccuracy: number;
  /** The same with running statistics: far below it where batch statistics leak. */
  readonly evaluationAccuracy: number;
  /** Share of images whose neighbours have their label; undefined where images have none. */
  readonly knn: number | undefined;
  readonly imagesPerSecond: number;
  /** In plain words. */
  readonly verdict: string;
}

/** Options of {@link ablate}. */
export interface AblateOptions extends PrepareOptions {
  readonly ablations: readonly Ablation[];
  /** Of each run. */
  readonly budget: Budget;
  /** Threads of the engine. @default every core */
  readonly threads?: number;
  /** As in a training. */
  readonly tuningFile?: string;
  /** As in a training. */
  readonly recompute?: boolean;
  readonly signal?: AbortSignal;
  /** Called before each run. */
  readonly onRun?: (run: { variant: Variant; number: number; of: number }) => void;
}

/**
 * Trains every variant and measures its encoder on the images themselves: kNN where folders are labels, and the
 * label-free measures.
 *
 * @returns An outcome for each variant, in their order; fewer where the signal ended it.
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
        secondsBetweenMeasures: Number.POSITIVE_INFINITY, // the last step is measured in any case
        onEvent(event) {
          if (event.kind === "epoch") last = event.epoch;
        },
      });
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
    if (!last) break; // ended by its signal
    const { loss, contrastiveAccuracy, evaluationAccuracy, knn, imagesPerSecond, verdict } = last;
    const { ablation, series, value } = variant;
    const measures = { loss, contrastiveAccuracy, evaluationAccuracy, knn, imagesPerSecond };
    outcomes.push({ ablation, series, value, ...measures, verdict: verdict.message });
  }
  return outcomes;
}
