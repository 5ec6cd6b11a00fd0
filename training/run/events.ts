// What a run reports while it trains.
import type { TrainingConfig } from "../config/schema.ts";
import type { Dataset } from "../data/dataset.ts";
import type { Epoch, StepMetrics } from "./log.ts";

/** An event of a run, for a progress display. */
export type TrainEvent =
  | { readonly kind: "reading"; readonly done: number; readonly total: number | undefined }
  | {
      readonly kind: "starting";
      readonly config: TrainingConfig;
      readonly reasons: readonly string[];
      readonly dataset: Dataset;
    }
  /** The teacher, or the model that neighbours are found by, embeds the images: once per run. */
  | { readonly kind: "embedding"; readonly done: number; readonly total: number }
  /** The forms of `shapes` convolutions are about to be timed on this machine, once. */
  | { readonly kind: "tuning"; readonly shapes: number }
  | { readonly kind: "step"; readonly metrics: StepMetrics }
  | { readonly kind: "epoch"; readonly epoch: Epoch }
  | { readonly kind: "checkpoint"; readonly path: string }
  /** A run that had not ended was in the folder: its checkpoint, of that step, is kept there as `path`. */
  | { readonly kind: "kept"; readonly path: string; readonly step: number }
  /** Training is over; the encoder is fitted, written and checked. */
  | { readonly kind: "exporting" };
