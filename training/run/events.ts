// What a run tells while it goes on.
import type { TrainingConfig } from "../config/schema.ts";
import type { Dataset } from "../data/dataset.ts";
import type { Epoch } from "./watch.ts";

/** What happens during a run, for a progress display. */
export type TrainEvent =
  | { readonly kind: "reading"; readonly done: number; readonly total: number | undefined }
  | {
      readonly kind: "starting";
      readonly config: TrainingConfig;
      readonly reasons: readonly string[];
      readonly dataset: Dataset;
    }
  /** The forms of so many convolutions are timed on this machine, once. */
  | { readonly kind: "tuning"; readonly shapes: number }
  | { readonly kind: "step"; readonly metrics: StepMetrics }
  | { readonly kind: "epoch"; readonly epoch: Epoch }
  | { readonly kind: "checkpoint"; readonly path: string }
  /** Training is over; the encoder is fitted, written and checked. */
  | { readonly kind: "exporting" };

/** What is known after a step. */
export interface StepMetrics {
  readonly step: number;
  /** Undefined during the first steps of a run that is given in minutes. */
  readonly totalSteps: number | undefined;
  readonly epoch: number;
  readonly loss: number;
  /** Share of queries whose own key is nearer than every negative. */
  readonly accuracy: number;
  readonly learningRate: number;
  /** Since the run began or was resumed. */
  readonly imagesPerSecond: number;
  /** Share of the time spent waiting for data. */
  readonly waiting: number;
  /** Seconds trained, earlier parts of a resumed run included. */
  readonly seconds: number;
}
