// The gate of a swap: what a candidate must show before it may answer.
import { AppError } from "../../core/errors.ts";
import { percent } from "../../core/percent.ts";
import type { SwapReport } from "../domain/swap.ts";
import type { Generation } from "../generation/generation.ts";
import type { Catalogue } from "../storage/ports.ts";
import { compareGenerations } from "./comparison.ts";
import { compareRetrieval } from "./golden-set.ts";

/** Least recall of the index against exact search. */
const MIN_RECALL = 0.95;
/** Below this spread the embeddings have collapsed; judged only with enough contents. */
const MIN_SPREAD = 1e-3;
const CONTENTS_TO_JUDGE_SPREAD = 20;
/** Searches compared with exact search. */
const SAMPLE = 100;
/** Attempts to count index and catalogue at one sequence number, while changes go on. */
const COUNTS = 1000;

/** What the gate demands of a candidate beyond a sound index. */
export interface GateOptions {
  /** Metadata key that says which images belong together. Without it retrieval is not compared. */
  readonly goldenKey?: string | undefined;
  /** How far mean average precision on those images may drop below the active model's, 0..1. */
  readonly allowedDrop: number;
}

/**
 * Examines a candidate whose backfill has ended: checks its index and, where `active` is given, compares the two.
 *
 * @returns The report, and `worse` where the candidate finds less than the active model on the golden set.
 * @throws AppError `invalid_model` where the candidate is broken, which `force` does not override.
 */
export async function examine(
  candidate: Generation,
  active: Generation | undefined,
  catalogue: Catalogue,
  { goldenKey: key, allowedDrop }: GateOptions,
): Promise<{ report: SwapReport; worse?: AppError }> {
  const report = await examineIndex(candidate, catalogue);
  if (!active) return { report };
  const comparison = await compareGenerations(active, candidate, catalogue);
  const encoders = { before: active.encoder, after: candidate.encoder };
  const found = key === undefined ? undefined : await compareRetrieval(key, encoders, catalogue);
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

async function examineIndex(candidate: Generation, catalogue: Catalogue): Promise<SwapReport> {
  const { contents, embedded, indexed } = await countBoth(candidate, catalogue);
  if (indexed !== embedded) {
    throw refusal(candidate, `its index has ${indexed} images where ${embedded} are stored with its embedding`);
  }
  const { recallAt10, spread } = await candidate.index.inspect(SAMPLE);
  if (recallAt10 < MIN_RECALL) {
    throw refusal(candidate, `its index finds ${percent(recallAt10)} of the nearest images, and 95 % are expected`);
  }
  if (contents >= CONTENTS_TO_JUDGE_SPREAD && spread < MIN_SPREAD) {
    throw refusal(
      candidate,
      `its embeddings have collapsed: they differ by a spread of ${spread.toExponential(1)}, and at least ${MIN_SPREAD} is expected`,
    );
  }
  return { contents, recallAt10, spread };
}

/** How many contents catalogue and index have, at one sequence number. */
async function countBoth({ encoder, index }: Generation, catalogue: Catalogue) {
  for (let attempt = 1; ; attempt++) {
    const { sequence, ...counts } = await catalogue.embeddings.tally(encoder);
    const at = await index.size(sequence);
    // A change may have come in between, and the index be ahead of the tally.
    if (at.sequence === sequence || attempt === COUNTS) return { ...counts, indexed: at.contents };
  }
}

function refusal(candidate: Generation, why: string): AppError {
  return new AppError("invalid_model", `Model "${candidate.card.name}" was not activated: ${why}.`);
}
