// The gate of a swap: what a candidate must show before it may answer.
import { AppError } from "../../core/errors.ts";
import type { Generation } from "../generation/generation.ts";
import type { Store } from "../storage/open.ts";
import type { SwapReport } from "../storage/sqlite/swap-records.ts";
import { compareGenerations } from "./comparison.ts";
import { compareRetrieval } from "./golden-set.ts";

/** Of the index against exact search. */
const MIN_RECALL = 0.95;
/** Below this, all embeddings are as good as the same. Only judged from so many contents on. */
const MIN_SPREAD = 1e-3;
const CONTENTS_TO_JUDGE_SPREAD = 20;
/** Searches compared with exact search. */
const SAMPLE = 100;

/** What the gate asks of a candidate beyond a sound index. */
export interface GateOptions {
  /** Key of the metadata that says which images belong together. Without it retrieval is not compared. */
  readonly goldenKey?: string | undefined;
  /** Mean average precision on those images may be so much below the active model's, 0..1. */
  readonly allowedDrop: number;
}

/**
 * Examines a candidate whose backfill has ended: its index, and beside the active generation where one is given.
 *
 * @returns The report, and `worse` where the candidate finds less than the active model on the golden set.
 * @throws AppError `invalid_model` that says what is wrong with it: then nothing can force it.
 */
export async function examine(
  candidate: Generation,
  active: Generation | undefined,
  store: Store,
  { goldenKey: key, allowedDrop }: GateOptions,
): Promise<{ report: SwapReport; worse?: AppError }> {
  const report = await examineIndex(candidate, store);
  if (!active) return { report };
  const comparison = await compareGenerations(active, candidate, store);
  const encoders = { before: active.encoder, after: candidate.encoder };
  const found = key === undefined ? undefined : await compareRetrieval(key, encoders, store);
  if (!found) return { report: { ...report, comparison } };
  const retrieval = { key: key!, allowedDrop, ...found };
  const full: SwapReport = { ...report, comparison: { ...comparison, retrieval } };
  if (found.after >= found.before - allowedDrop) return { report: full };
  const worse = new AppError(
    "worse_model",
    `Model "${candidate.card.name}" was not activated: on the ${found.images} images that "${key}" groups, its mean average precision is ${found.after.toFixed(3)} where the active model has ${found.before.toFixed(3)}, and a drop of ${allowedDrop} is allowed. Force it where that is meant.`,
  );
  return { report: full, worse };
}

async function examineIndex(candidate: Generation, store: Store): Promise<SwapReport> {
  // The question and the count leave in one turn of the event loop, so both see the same images.
  const answer = candidate.index.inspect(SAMPLE);
  const contents = store.images.countContents();
  const missed = candidate.missed.size;
  const { size, recallAt10, spread } = await answer;
  // A write that failed may have left a number in `missed`, so a sum above `contents` alone is no sign of anything.
  if (size > contents || size + missed < contents) {
    throw refusal(candidate, `its index has ${size} images where ${contents} are stored`);
  }
  if (recallAt10 < MIN_RECALL) {
    throw refusal(candidate, `its index finds ${percent(recallAt10)} of the nearest images, and 95% are expected`);
  }
  if (contents >= CONTENTS_TO_JUDGE_SPREAD && spread < MIN_SPREAD) {
    throw refusal(
      candidate,
      `its embeddings have collapsed: they differ by a spread of ${spread.toExponential(1)}, and at least ${MIN_SPREAD} is expected`,
    );
  }
  return { contents, recallAt10, spread };
}

const percent = (part: number) => `${(part * 100).toFixed(1)}%`;

function refusal(candidate: Generation, why: string): AppError {
  return new AppError("invalid_model", `Model "${candidate.card.name}" was not activated: ${why}.`);
}
