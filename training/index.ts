// moco-search/training: train an encoder, publish it, begin from another, measure it. The command line uses nothing
// else of this folder.

export { AppError, ERRORS, type ErrorCode } from "../core/errors.ts";
export { type AblateOptions, ablate, type Outcome } from "./ablate/ablate.ts";
export { ablationPage, ablationTable } from "./ablate/page.ts";
export { type Axis, type SweepOptions, type SweepOutcome, sweep, sweepTable } from "./ablate/sweep.ts";
export { ABLATIONS, type Ablation } from "./ablate/variants.ts";
export { type Budget, RECIPE_NAMES, type RecipeName } from "./config/recipes.ts";
export { MECHANISMS, type TrainingConfig } from "./config/schema.ts";
export { merge, type Settings } from "./config/settle.ts";
export { type Dataset, type DatasetOptions, openDataset } from "./data/dataset.ts";
export { type Judged, propose } from "./design/comparison.ts";
export { type DesignOptions, type DesignOutcome, design, MOST_SAMPLES } from "./design/design.ts";
export { agreement, designPage, networkTable, spaceTable } from "./design/page.ts";
export { DESIGN_SPACES, type DesignSpaceName } from "./design/spaces.ts";
export { type Embedder, type EmbedderOptions, openEmbedder } from "./embedder.ts";
export {
  type EvaluateOptions,
  type Evaluation,
  evaluate,
  type Measures,
  measuresByName,
  PROTOCOLS,
  type Protocol,
} from "./evaluate/evaluate.ts";
export { type ExportRunOptions, exportRun } from "./export/again.ts";
export { type ExportedWeights, type ExportWeightsOptions, exportWeights } from "./export/elsewhere.ts";
export { type ExportedEncoder, exportEncoder, PRECISIONS, type WeightPrecision } from "./export/encoder.ts";
export { type FitModelOptions, fitModel } from "./export/fit-model.ts";
export { DEFAULT_EMBEDDING, type EmbeddingChoice } from "./export/fitted.ts";
export type { ExportOptions } from "./export/publish.ts";
export { LIBRARIES, type Library } from "./export/python.ts";
export { DEVICE_NAMES, type DeviceName, findDevice } from "./graph/engine/device.ts";
export { tuningFile } from "./graph/engine/tune.ts";
export { type Imported, type ImportOptions, importEncoder } from "./import/import.ts";
export { type ParityReport, TOLERANCES } from "./moco/parity/difference.ts";
export { replay } from "./moco/parity/replay.ts";
export { ARCHITECTURE_NAMES } from "./network/backbone.ts";
export { HEADS } from "./network/heads.ts";
export { viewsSheet } from "./report/contact-sheet.ts";
export type { TrainEvent } from "./run/events.ts";
export type { StepMetrics } from "./run/log.ts";
export { type Prepared, type PrepareOptions, prepare } from "./run/prepare.ts";
export { readWeights, type WarmStart } from "./run/warm-start.ts";
export { type TrainOptions, type TrainResult, train } from "./train.ts";
export { SEGMENTATION_HEADS, type SegmentationHead } from "./transfer/segmenter.ts";
export { transferTable } from "./transfer/table.ts";
export {
  TRANSFER_SCHEDULE,
  type TransferOptions,
  type TransferOutcome,
  type TransferRun,
  transfer,
} from "./transfer/transfer.ts";
