// moco-search/training: train an encoder, publish it, begin from another.

export { type Budget, RECIPE_NAMES, type RecipeName } from "./config/recipes.ts";
export type { TrainingConfig } from "./config/schema.ts";
export type { Settings } from "./config/settle.ts";
export { type Dataset, type DatasetOptions, openDataset } from "./data/dataset.ts";
export { type ExportRunOptions, exportRun } from "./export/again.ts";
export { type ExportedEncoder, exportEncoder } from "./export/encoder.ts";
export type { EmbeddingChoice, ExportOptions } from "./export/publish.ts";
export type { TrainEvent } from "./run/events.ts";
export type { StepMetrics } from "./run/log.ts";
export { readWeights, type WarmStart } from "./run/warm-start.ts";
export { type TrainOptions, type TrainResult, train } from "./train.ts";
