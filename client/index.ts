// moco-search/client: a typed client of a running server. The command line uses it too.

export { AppError, ERRORS, type ErrorCode } from "../core/errors.ts";
export { awaitsApproval, hasEnded, type SwapState } from "../server/domain/swap-state.ts";
export { hasStopped, type TrainingState } from "../server/domain/training-state.ts";
export { type Client, createClient } from "./client.ts";
export type { ClientOptions } from "./send.ts";
export type * from "./types.ts";
