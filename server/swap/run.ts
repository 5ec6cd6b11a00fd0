// One swap from its first step to its last. Each state is on disk before its work begins, so that after a crash the
// swap can be run again from the start; what it had embedded stays and is not computed twice.
import type { Logger } from "pino";
import { readModel } from "../../core/model-folder.ts";
import type { Generation } from "../generation/generation.ts";
import type { Generations } from "../generation/generations.ts";
import type { Store } from "../storage/open.ts";
import type { GenerationRecord } from "../storage/sqlite/generation-records.ts";
import type { SwapRecord, SwapState } from "../storage/sqlite/swap-records.ts";
import { backfill, type Progress } from "./backfill.ts";
import { examine, type GateOptions } from "./gate.ts";

/** What swaps work on. */
export interface SwapDeps {
  readonly store: Store;
  readonly generations: Generations;
  readonly modelsFolder: string;
  readonly gate: GateOptions;
  readonly open: (record: GenerationRecord) => Promise<Generation>;
  readonly logger: Logger;
}

/**
 * Runs a swap to its switch. Where it throws nothing has changed: the active generation still answers and the
 * candidate is closed.
 *
 * @throws AppError that says why the candidate cannot serve; the signal's reason when it is aborted.
 */
export async function runSwap(
  swap: SwapRecord,
  deps: SwapDeps,
  { signal, onProgress }: { signal: AbortSignal; onProgress: (progress: Progress) => void },
): Promise<void> {
  const { store, generations, logger } = deps;
  const enter = async (state: SwapState) => {
    signal.throwIfAborted();
    await store.write(() => store.swaps.setState(swap.id, state));
    logger.info({ swap: swap.id, state }, "swap");
  };

  await enter("loading");
  const record = store.generations.get(swap.generation);
  const kept = generations.previous?.number === record.number ? generations.previous : undefined;
  const candidate = kept ?? (await load(record, deps));
  try {
    await enter("warming");
    await candidate.warm();

    await enter("backfilling");
    generations.setCandidate(candidate); // from here on new images and deletes go to both
    if (!candidate.index.isServing) await candidate.index.rebuild();

    let switched = false;
    while (!switched) {
      await backfill(candidate, store, { signal, onProgress });
      await enter("verifying");
      const replaced = swap.kind === "activate" ? generations.active() : undefined;
      const { report, worse } = await examine(candidate, replaced, store, deps.gate);
      await candidate.warm(); // still alive
      await store.write(() => store.swaps.setReport(swap.id, report));
      if (worse && !swap.force) throw worse;
      await enter("ready");
      switched = await switchTo(candidate, swap, deps, signal);
    }
  } catch (error) {
    generations.setCandidate(undefined);
    if (!kept) await candidate.close();
    throw error;
  }
  logger.info({ swap: swap.id, generation: candidate.number, model: candidate.card.name }, "swap: active");
}

/** Copies the model into the data folder, makes room by closing the generation before the active one, and opens it. */
async function load(record: GenerationRecord, { store, generations, modelsFolder, open }: SwapDeps) {
  await generations.closePrevious();
  if (!(await store.models.has(record.card.sha256))) {
    const model = await readModel(modelsFolder, record.card.name);
    await store.models.put({ ...model, card: record.card });
  }
  return open(record);
}

/** The switch: one pointer, one transaction. False where an image came in without the candidate's embedding. */
function switchTo(
  candidate: Generation,
  swap: SwapRecord,
  { store, generations }: SwapDeps,
  signal: AbortSignal,
): Promise<boolean> {
  return store.write(
    () => {
      signal.throwIfAborted();
      if (candidate.missed.size > 0) return false;
      store.generations.switchTo(candidate.number);
      store.swaps.retireActive();
      store.swaps.setState(swap.id, "active");
      return true;
    },
    (switched) => {
      if (switched) generations.switchTo(candidate);
    },
  );
}

/** Removes encoders and embeddings that no generation in use refers to, a little at a time. */
export async function removeUnused({ store }: Pick<SwapDeps, "store">): Promise<void> {
  await store.models.removeUnused(store.generations.modelsInUse);
  await store.snapshots.removeUnused(store.generations.unusedEncoders());
  const removeSome = () =>
    store.generations.unusedEncoders().reduce((sum, encoder) => sum + store.embeddings.removeSome(encoder, 500), 0);
  while ((await store.write(removeSome)) > 0) await new Promise(setImmediate);
}
