// moco-search/training: train an encoder, publish it, begin from another.
export type { TrainingConfig } from "./config.ts";
export { type Dataset, type DatasetOptions, openDataset } from "./data/dataset.ts";
export type { StepMetrics, TrainEvent } from "./events.ts";
export { type ExportedEncoder, exportEncoder } from "./export-encoder.ts";
export { type ExportRunOptions, exportRun } from "./export-run.ts";
export type { EmbeddingChoice, ExportOptions } from "./publish.ts";
export { type Budget, RECIPE_NAMES, type RecipeName } from "./recipes.ts";
export type { Settings } from "./settle.ts";
export { type TrainOptions, type TrainResult, train } from "./train.ts";
export { readWeights, type WarmStart } from "./warm-start.ts";
