// One swap from its first step to its last. Each state is on disk before its work begins, so after a crash the swap
// runs again from the start; embeddings that were stored before are kept.
import { setTimeout as sleep } from "node:timers/promises";
import type { Logger } from "pino";
import { AppError } from "../../core/errors.ts";
import { readOnnx } from "../../core/model.ts";
import { readModel } from "../../core/model-folder.ts";
import type { Decoder } from "../decoding/decoder.ts";
import type { GenerationRecord } from "../domain/generation.ts";
import type { Progress, SwapRecord, SwapState } from "../domain/swap.ts";
import type { Generation } from "../generation/generation.ts";
import type { Generations } from "../generation/generations.ts";
import { isWhole } from "../storage/is-whole.ts";
import type { Storage } from "../storage/ports.ts";
import { removeUnusedBlobs } from "../storage/unused-blobs.ts";
import { backfill } from "./backfill.ts";
import { reportOfSkipped } from "./damaged-files.ts";
import { examine, type GateOptions } from "./gate.ts";

/** What swaps work on. */
export interface SwapDeps {
  readonly storage: Storage;
  readonly generations: Generations;
  readonly decoder: Decoder;
  readonly modelsFolder: string;
  readonly gate: GateOptions;
  /** Whether a swap waits for approval if the request that begins it does not say. */
  readonly review: boolean;
  /** Opens a generation; once the signal is aborted its encoder is killed. */
  readonly open: (record: GenerationRecord, signal: AbortSignal) => Promise<Generation>;
  /** The other servers of the storage, where it has several. */
  readonly cluster?: SwapCluster | undefined;
  readonly logger: Logger;
}

/** What a swap asks of servers that share the storage. */
export interface SwapCluster {
  /** True where this server runs swaps. */
  readonly leads: boolean;
  /** Resolves once every server that answers has the generation open. */
  haveOpened(generation: Generation, signal: AbortSignal): Promise<void>;
  /** Asks the server that runs a swap to cancel it. */
  cancel(swap: string): Promise<void>;
}

/** How a swap is followed and stopped while it runs. */
export interface SwapControl {
  readonly signal: AbortSignal;
  readonly onProgress: (progress: Progress) => void;
  /** Called with true right before the switch, and with false when it was refused or the new generation answers. */
  readonly onSwitching: (isSwitching: boolean) => void;
}

/**
 * After this many refused switches the swap fails: images keep coming in that the candidate does not embed at once, and
 * its backfill never catches up.
 */
const REFUSALS = 10;

/** Milliseconds between two checks whether a swap is approved. */
const APPROVAL_LOOK_MS = 200;

/**
 * Runs a swap to its switch. Where it throws, nothing has changed: the active generation still answers and the
 * candidate is closed.
 *
 * @throws AppError that says why the candidate cannot serve; the signal's reason when it is aborted.
 */
export async function runSwap(swap: SwapRecord, deps: SwapDeps, control: SwapControl): Promise<void> {
  const { storage, generations, logger } = deps;
  const { catalogue } = storage;
  const { signal, onProgress, onSwitching } = control;
  const enter = async (state: SwapState) => {
    signal.throwIfAborted();
    await catalogue.swaps.enter(swap.id, state);
    logger.info({ swap: swap.id, state }, "swap");
  };

  await enter("loading");
  const record = (await catalogue.generations.get(swap.generation))!;
  // The one before, which a rollback goes back to, or what was opened to follow another server's swap.
  const kept = generations.open().find(({ number }) => number === record.number);
  const candidate = kept ?? (await load(record, deps, signal));
  try {
    await enter("warming");
    await candidate.warm();

    await enter("backfilling");
    generations.setCandidate(candidate); // from here on new images are embedded for both
    if (!candidate.index.isServing) await candidate.index.fill();

    for (let refusals = 0; ; refusals++) {
      if (refusals === REFUSALS) throw neverCaughtUp(candidate);
      const skipped = await backfill(candidate, storage, { signal, onProgress, skipDamaged: swap.skipDamaged });
      await candidate.index.optimise();
      await enter("verifying");
      const replaced = swap.kind === "activate" ? generations.active() : undefined;
      const { report, worse } = await examine(candidate, replaced, deps, deps.gate);
      await candidate.warm(); // still alive
      const left = await reportOfSkipped(skipped, catalogue);
      await catalogue.swaps.report(swap.id, { ...report, ...(left && { skipped: left }) });
      for (const warning of report.warnings ?? []) logger.warn({ swap: swap.id }, warning);
      if (worse && !swap.force && !swap.review) throw worse;
      await enter("ready");
      if (swap.review) {
        await approval(swap.id, catalogue, signal);
        await candidate.warm(); // still alive, perhaps days later
      }
      await deps.cluster?.haveOpened(candidate, signal);
      signal.throwIfAborted();
      onSwitching(true);
      if (await catalogue.swaps.switchTo(swap.id, skipped)) break;
      onSwitching(false);
    }
  } catch (error) {
    generations.dropCandidate(candidate);
    if (!kept) await candidate.close();
    throw error;
  }
  await takeOver(candidate, deps);
  onSwitching(false);
  logger.info({ swap: swap.id, generation: candidate.number, model: candidate.card.name }, "swap: active");
}

/** Resolves once the catalogue says that the swap is approved; until then new images are embedded for both. */
async function approval(id: string, { swaps }: Storage["catalogue"], signal: AbortSignal): Promise<void> {
  while (!(await swaps.get(id))?.approvedAt) {
    await sleep(APPROVAL_LOOK_MS, undefined, { signal }).catch(() => signal.throwIfAborted());
  }
}

/** Copies the model into the storage, makes room by closing the generation before the active one, and opens it. */
async function load(
  record: GenerationRecord,
  { storage: { models }, generations, modelsFolder, open }: SwapDeps,
  signal: AbortSignal,
): Promise<Generation> {
  await generations.closePrevious();
  const { card } = record;
  if (!(await isWhole(models, card.sha256))) {
    const model = await readModel(modelsFolder, card.name);
    await models.put(card.sha256, await readOnnx({ ...model, card }));
  }
  return open(record, signal);
}

/**
 * Lets the generation that is active in the catalogue answer, once it finds every image that was acknowledged before
 * the switch. An upload after the switch is acknowledged once this generation answers (`Generations.answering`).
 */
async function takeOver(candidate: Generation, { storage: { catalogue }, generations }: SwapDeps): Promise<void> {
  const { sequence } = await catalogue.embeddings.tally(candidate.encoder);
  await candidate.index.reached(sequence);
  generations.switchTo(candidate);
}

const neverCaughtUp = ({ card }: Generation) =>
  new AppError(
    "invalid_model",
    `Model "${card.name}" was not activated: ${REFUSALS} times in a row images came in that it had not embedded when it was to answer. Try again when fewer come in; the server's log says whether its encoder fails.`,
  );

/** Removes encoders and embeddings that no generation uses any more, a few at a time. */
export async function removeUnused({ storage }: Pick<SwapDeps, "storage">): Promise<void> {
  const { catalogue, models, vectors } = storage;
  await removeUnusedBlobs(models, async (sha256) => (await catalogue.generations.modelsInUse()).has(sha256));
  await vectors.removeUnused(await catalogue.generations.unusedEncoders());
  while ((await catalogue.embeddings.forgetUnused(500)) > 0) await new Promise(setImmediate);
}
