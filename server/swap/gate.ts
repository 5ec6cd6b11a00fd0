// The gate of a swap: what a candidate must show before it may answer.
import { AppError } from "../../core/errors.ts";
import { percent } from "../../core/percent.ts";
import type { Comparison, SwapReport } from "../domain/swap.ts";
import type { Generation } from "../generation/generation.ts";
import type { Catalogue, Storage } from "../storage/ports.ts";
import { compareGenerations } from "./comparison.ts";
import { compareRetrieval } from "./golden-set.ts";
import { compareViews } from "./views.ts";

/** Least recall of the index against exact search. */
const MIN_RECALL = 0.95;
/** Below this spread the embeddings have collapsed; judged only with enough contents. */
const MIN_SPREAD = 1e-3;
const CONTENTS_TO_JUDGE_SPREAD = 20;
/** Searches compared with exact search. */
const SAMPLE = 100;
/** Attempts to count index and catalogue at one sequence number, while changes go on. */
const COUNTS = 1000;

/** The report warns if a smaller share of the 10 nearest stays the same. */
const MIN_OVERLAP = 0.2;
/** How much less often than the active model a candidate may find an image's other crop before the report warns. */
const ALLOWED_VIEWS_DROP = 0.1;

/** What the gate demands of a candidate beyond a sound index. */
export interface GateOptions {
  /** Metadata key that says which images belong together. If no images do, retrieval is not compared. */
  readonly goldenKey: string;
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
  storage: Pick<Storage, "catalogue" | "images">,
  { goldenKey: key, allowedDrop }: GateOptions,
): Promise<{ report: SwapReport; worse?: AppError }> {
  const { catalogue } = storage;
  const report = await examineIndex(candidate, catalogue);
  if (!active) return { report };
  const encoders = { before: active.encoder, after: candidate.encoder };
  const found = await compareRetrieval(key, encoders, catalogue);
  const views = await compareViews(active, candidate, storage);
  const comparison: Comparison = {
    ...(await compareGenerations(active, candidate, catalogue)),
    ...(found && { retrieval: { key, allowedDrop, ...found } }),
    ...(views && { views }),
  };
  const less = findsLess(comparison);
  const warnings = [...(less === undefined ? [] : [`${less}.`]), ...warningsOf(comparison)];
  const full = { ...report, comparison, warnings };
  if (less === undefined) return { report: full };
  const why = `Model "${candidate.card.name}" was not activated: ${less}. Force it where that is meant.`;
  return { report: full, worse: new AppError("worse_model", why) };
}

/** A sentence if the candidate finds too few of the images that belong together; undefined otherwise. */
function findsLess({ retrieval }: Comparison): string | undefined {
  if (!retrieval || retrieval.after >= retrieval.before - retrieval.allowedDrop) return undefined;
  const { images, key, before, after, allowedDrop } = retrieval;
  return `on the ${images} images that "${key}" groups, its mean average precision is ${after.toFixed(3)} where the active model has ${before.toFixed(3)}, and a drop of ${allowedDrop} is allowed`;
}

/** Warnings from the measures that need no labels. */
function warningsOf({ neighbours, views }: Comparison): string[] {
  const warnings: string[] = [];
  if (neighbours.sample > 0 && neighbours.overlapAt10 < MIN_OVERLAP) {
    warnings.push(
      `Only ${percent(neighbours.overlapAt10)} of the 10 nearest images are the same as before: searches will answer otherwise.`,
    );
  }
  if (!views) return warnings;
  const { images, before, after, pixels } = views;
  const own = `It finds the other crop of ${percent(after)} of ${images} images first`;
  if (after <= pixels)
    warnings.push(`${own}, and comparing pixels ${percent(pixels)}: it has learned next to nothing.`);
  else if (after < before - ALLOWED_VIEWS_DROP) warnings.push(`${own}, and the active model ${percent(before)}.`);
  return warnings;
}

async function examineIndex(candidate: Generation, catalogue: Catalogue): Promise<SwapReport> {
  const { embedded, indexed } = await countBoth(candidate, catalogue);
  if (indexed !== embedded) {
    throw refusal(candidate, `its index has ${indexed} images where ${embedded} are stored with its embedding`);
  }
  const { recallAt10, spread } = await candidate.index.inspect(SAMPLE);
  if (recallAt10 < MIN_RECALL) {
    throw refusal(candidate, `its index finds ${percent(recallAt10)} of the nearest images, and 95 % are expected`);
  }
  if (indexed >= CONTENTS_TO_JUDGE_SPREAD && spread < MIN_SPREAD) {
    throw refusal(
      candidate,
      `its embeddings have collapsed: they differ by a spread of ${spread.toExponential(1)}, and at least ${MIN_SPREAD} is expected`,
    );
  }
  return { contents: indexed, recallAt10, spread };
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
