// moco-search/moco: Momentum Contrast of whatever tensors hold. The encoder is a function over moco-search/graph, and
// the views are the caller's.
export { createRandom, type Random, type RandomState } from "../data/random.ts";
export { type HeadConfig, type HeadKind, projectionHead } from "../network/heads.ts";
export type { ConvLayer, Init, NormOptions, Scope } from "../network/scope.ts";
export { adamw, lars, type Optimizer, type OptimizerState, sgd } from "../optimize/optimizer.ts";
export { learningRateAt, type Schedule } from "../optimize/schedule.ts";
export type { Encoder } from "./encode.ts";
export { createLearner, type Learner, type LearnerOptions } from "./learner.ts";
