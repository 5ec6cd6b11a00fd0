// Swaps as users see them: begin, follow, cancel, roll back. One at a time.
import { AppError, type ErrorCode } from "../../core/errors.ts";
import { readModel } from "../../core/model-folder.ts";
import { encoderKey } from "../generation/generation.ts";
import type { GenerationRecord } from "../storage/sqlite/generation-records.ts";
import type { SwapRecord } from "../storage/sqlite/swap-records.ts";
import type { Progress } from "./backfill.ts";
import { removeUnused, runSwap, type SwapDeps } from "./run.ts";

/** A swap with the model that it leads to, and how far its backfill is where it runs. */
export interface SwapView extends Omit<SwapRecord, "number"> {
  readonly model: { readonly name: string; readonly version: string; readonly sha256: string };
  readonly progress?: Progress;
}

export interface Swaps {
  /**
   * Begins to replace the active generation by one of the model `name`; returns at once.
   *
   * @param options.force Activates it where it finds less than the active model; what is broken stays refused.
   * @throws AppError `model_not_found`, `invalid_model`, `model_active`, `swap_in_progress`, `not_ready`.
   */
  begin(name: string, options?: { force?: boolean }): Promise<SwapView>;
  /**
   * Begins to go back to the generation that was active before.
   *
   * @throws AppError `no_previous_generation`, `swap_in_progress`, `not_ready`.
   */
  rollback(): Promise<SwapView>;
  /** @throws AppError `swap_not_found`. */
  get(id: string): SwapView;
  /** The newest swaps, newest first. */
  list(limit: number): SwapView[];
  /** The generation that a rollback goes back to. */
  previous(): GenerationRecord | undefined;
  /** The score from which images are alike to a generation, where a swap has compared it with another. */
  threshold(generation: number): number | undefined;
  /** The swap that runs. */
  running(): SwapView | undefined;
  /**
   * Cancels a swap; it ends as `cancelled` when its step under way allows.
   *
   * @throws AppError `swap_not_found`, or `swap_finished` where it has ended or is switching.
   */
  cancel(id: string): SwapView;
  /** Continues the swap that a stop or a crash interrupted. */
  resume(): void;
  /** Resolves when no swap runs. */
  settled(): Promise<void>;
  /** Stops a running swap; the next start continues it. */
  close(): Promise<void>;
}

/** Why a swap stopped: the user cancelled it, or the server stops. */
const CANCELLED = Symbol("cancelled");
const STOPPED = Symbol("stopped");

/** Makes the swaps of a server. */
export function createSwaps(deps: SwapDeps): Swaps {
  const { store, generations, modelsFolder, logger } = deps;
  let closed = false;
  let tidying: Promise<void> = Promise.resolve();
  let current: { id: string; abort: AbortController; ended: Promise<void>; progress?: Progress } | undefined;

  const view = ({ number: _, ...swap }: SwapRecord): SwapView => {
    const { name, version, sha256 } = store.generations.get(swap.generation).card;
    const progress = current?.id === swap.id ? current.progress : undefined;
    return { ...swap, model: { name, version, sha256 }, ...(progress ? { progress } : {}) };
  };
  const get = (id: string): SwapView => {
    const swap = store.swaps.get(id);
    if (!swap) throw new AppError("swap_not_found", `There is no swap ${JSON.stringify(id)}.`);
    return view(swap);
  };
  const running = () => {
    const swap = store.swaps.running();
    return swap && view(swap);
  };

  const run = (swap: SwapRecord): SwapView => {
    const abort = new AbortController();
    const onProgress = (progress: Progress) => {
      if (current) current.progress = progress;
    };
    const ended = runSwap(swap, deps, { signal: abort.signal, onProgress })
      .catch((error) => fail(swap, error))
      .catch((error) => logger.error({ err: error, swap: swap.id }, "the end of a swap could not be recorded"))
      .finally(() => {
        current = undefined;
        tidying = tidying
          .then(() => removeUnused(deps))
          .catch((error) => logger.error({ err: error }, "tidying failed"));
      });
    current = { id: swap.id, abort, ended };
    return view(swap);
  };

  const fail = async (swap: SwapRecord, reason: unknown): Promise<void> => {
    if (reason === STOPPED) return;
    const error = asReport(reason);
    await store.write(() => {
      store.swaps.setState(swap.id, reason === CANCELLED ? "cancelled" : "failed");
      if (reason !== CANCELLED) store.swaps.setError(swap.id, error);
      if (swap.kind === "activate") store.generations.setState(swap.generation, "failed");
    });
    if (reason === CANCELLED) logger.info({ swap: swap.id }, "swap: cancelled");
    else logger.error({ err: reason, swap: swap.id }, "swap: failed; nothing has changed");
  };

  /** Writes the swap that `plan` describes, unless one runs. */
  const add = (
    { kind, force }: Pick<SwapRecord, "kind" | "force">,
    chooseGeneration: () => number,
  ): Promise<SwapRecord> =>
    store.write(() => {
      if (closed) throw new AppError("not_ready", "The server is stopping.");
      const other = store.swaps.running();
      if (other || current) {
        const id = other?.id ?? current!.id;
        throw new AppError("swap_in_progress", `Swap ${id} is running. Wait until it has ended, or cancel it.`);
      }
      const replaces = generations.active().number;
      return store.swaps.add({ kind, force, generation: chooseGeneration(), replaces });
    });

  return {
    async begin(name, { force = false } = {}) {
      generations.active();
      const { card } = await readModel(modelsFolder, name);
      const swap = await add({ kind: "activate", force }, () => {
        // Replaced by itself, it would be what a rollback goes back to, and the one before out of reach.
        if (encoderKey(card) === encoderKey(generations.active().card)) {
          throw new AppError("model_active", `Model "${name}" answers already: it is the active encoder.`);
        }
        const encoder = store.embeddings.encoderNumber(encoderKey(card));
        return store.generations.add(encoder, card, "candidate").number;
      });
      return run(swap);
    },
    async rollback() {
      const swap = await add({ kind: "rollback", force: false }, () => {
        const previous = store.generations.inState("retired");
        if (!previous) {
          throw new AppError("no_previous_generation", "No other generation has been active before this one.");
        }
        return previous.number;
      });
      return run(swap);
    },
    get,
    list: (limit) => store.swaps.newest(limit).map(view),
    previous: () => store.generations.inState("retired"),
    threshold: store.swaps.threshold,
    running,
    cancel(id) {
      const swap = get(id);
      if (current?.id !== id || store.swaps.running()?.id !== id || swap.state === "ready") {
        throw new AppError("swap_finished", `Swap ${id} cannot be cancelled any more: it is ${swap.state}.`);
      }
      current.abort.abort(CANCELLED);
      return swap;
    },
    resume() {
      const swap = store.swaps.running();
      if (swap) run(swap);
    },
    settled: () => current?.ended ?? Promise.resolve(),
    async close() {
      closed = true;
      current?.abort.abort(STOPPED);
      await current?.ended;
      await tidying;
    },
  };
}

function asReport(error: unknown): { code: ErrorCode; detail: string } {
  if (error instanceof AppError) return { code: error.code, detail: error.message };
  return { code: "internal", detail: "The swap failed inside the server. The server's log says why." };
}
