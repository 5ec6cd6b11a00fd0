// One short run of a comparison, and what is measured of its encoder.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Budget } from "../config/recipes.ts";
import { merge, type Settings } from "../config/settle.ts";
import type { Epoch } from "../run/log.ts";
import type { PrepareOptions } from "../run/prepare.ts";
import { train } from "../train.ts";

/** How the short runs of a comparison are trained. */
export interface ShortRunOptions extends PrepareOptions {
  /** Length of each run. */
  readonly budget: Budget;
  /** Threads of the engine. @default every core */
  readonly threads?: number;
  /** As of a training. */
  readonly tuningFile?: string;
  /** As of a training. */
  readonly recompute?: boolean;
  readonly signal?: AbortSignal;
}

/** What is measured at the end of a short run, on the images themselves. */
export interface Measured {
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

/** Trains with `settings` on top of the options' and keeps no model. Undefined where the signal stopped it. */
export async function shortRun(options: ShortRunOptions, settings: Settings): Promise<Measured | undefined> {
  const folder = await mkdtemp(join(tmpdir(), "moco-search-run-"));
  let last: Epoch | undefined;
  try {
    await train({
      ...options,
      config: merge(options.config ?? {}, settings) as Settings,
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
  if (!last) return undefined;
  const { loss, contrastiveAccuracy, evaluationAccuracy, knn, imagesPerSecond, verdict } = last;
  return { loss, contrastiveAccuracy, evaluationAccuracy, knn, imagesPerSecond, verdict: verdict.message };
}
