// Swaps as users see them: begin, follow, cancel, roll back. One at a time.
import { AppError } from "../../core/errors.ts";
import { readOnnx } from "../../core/model.ts";
import { readModel } from "../../core/model-folder.ts";
import { type GenerationRecord, namedModel } from "../domain/generation.ts";
import {
  awaitsApproval,
  hasEnded,
  type Progress,
  type SwapError,
  type SwapOptions,
  type SwapRecord,
  type SwapView,
} from "../domain/swap.ts";
import { removeUnused, runSwap, type SwapDeps } from "./run.ts";

export interface Swaps {
  /**
   * Begins to replace the active generation by one of the model `name`; returns at once.
   *
   * @param options.force Activates it even where it finds less than the active model; a broken one is refused anyway.
   * @param options.skipDamaged Goes on without images whose stored files are missing, damaged or cannot be
   *   decoded; the report names them.
   * @param options.review Waits in `ready` until it is approved or discarded. Default: as the server is configured.
   * @throws AppError `model_not_found`, `invalid_model`, `model_active`, `swap_in_progress`, `not_ready`.
   */
  begin(name: string, options?: Partial<SwapOptions>): Promise<SwapView>;
  /**
   * Begins to go back to the generation that was active before.
   *
   * @throws AppError `no_previous_generation`, `swap_in_progress`, `not_ready`.
   */
  rollback(): Promise<SwapView>;
  /** @throws AppError `swap_not_found`. */
  get(id: string): Promise<SwapView>;
  /** The newest swaps, newest first. */
  list(limit: number): Promise<SwapView[]>;
  /** The generation that a rollback goes back to. */
  previous(): Promise<GenerationRecord | undefined>;
  /** The swap that runs. */
  running(): Promise<SwapView | undefined>;
  /**
   * Cancels a swap, whatever it does; it is `cancelled` when this returns, or, where another server runs it, soon
   * after.
   *
   * @throws AppError `swap_not_found`, or `swap_finished` where it has ended.
   */
  cancel(id: string): Promise<SwapView>;
  /**
   * Lets a swap that waits for approval switch.
   *
   * @throws AppError `swap_not_found`, `not_in_review`, `swap_finished`.
   */
  approve(id: string): Promise<SwapView>;
  /** Ends a swap that waits for approval as `cancelled`. Errors as {@link Swaps.approve}. */
  discard(id: string): Promise<SwapView>;
  /** The id of the swap that runs on this server, and is not stopping. */
  readonly runningHere: string | undefined;
  /** Continues the swap that a stop, a crash or another server has left. */
  resume(): Promise<void>;
  /** Lets the swap that runs here end at its next step; the server that runs swaps now continues it. */
  halt(): void;
  /** Resolves when no swap runs. */
  settled(): Promise<void>;
  /** Stops a running swap; the next start continues it. */
  close(): Promise<void>;
}

/** Why a swap stopped: the user cancelled it, or the server stops. */
const CANCELLED = Symbol("cancelled");
const STOPPED = Symbol("stopped");

/** The swap that runs here. */
interface CurrentSwap {
  readonly id: string;
  readonly abort: AbortController;
  readonly ended: Promise<void>;
  progress?: Progress;
  /** True from the switch (too late to cancel) until the new generation answers. */
  isSwitching: boolean;
}

/** Makes the swaps of a server. */
export function createSwaps(deps: SwapDeps): Swaps {
  const { generations, modelsFolder, cluster, logger } = deps;
  const { catalogue, models } = deps.storage;
  let closed = false;
  let tidying: Promise<void> = Promise.resolve();
  let current: CurrentSwap | undefined;

  const view = async (swap: SwapRecord): Promise<SwapView> => {
    const { card } = (await catalogue.generations.get(swap.generation))!;
    const own = current?.id === swap.id ? current : undefined;
    // The switch is on disk a moment before the new generation answers here.
    const state = swap.state === "active" && own?.isSwitching ? "ready" : swap.state;
    return { ...swap, state, model: namedModel(card), ...(own?.progress ? { progress: own.progress } : {}) };
  };
  const get = async (id: string): Promise<SwapView> => {
    const swap = await catalogue.swaps.get(id);
    if (!swap) throw new AppError("swap_not_found", `There is no swap ${JSON.stringify(id)}.`);
    return view(swap);
  };

  const run = (swap: SwapRecord): void => {
    const abort = new AbortController();
    const control = {
      signal: abort.signal,
      onProgress(progress: Progress) {
        if (current) current.progress = progress;
      },
      onSwitching(isSwitching: boolean) {
        if (current) current.isSwitching = isSwitching;
      },
    };
    // After the tidying: it may be about to remove an encoder that this swap is to open.
    const ended = tidying
      .then(() => runSwap(swap, deps, control))
      // Once it is aborted its encoder is killed, and what fails first may be that.
      .catch((error) => fail(swap, abort.signal.aborted ? abort.signal.reason : error))
      .catch((error) => logger.error({ err: error, swap: swap.id }, "the end of a swap could not be recorded"))
      .finally(() => {
        current = undefined;
        tidying = tidying
          .then(() => removeUnused(deps))
          .catch((error) => logger.error({ err: error }, "tidying failed"));
      });
    current = { id: swap.id, abort, ended, isSwitching: false };
  };

  const fail = async (swap: SwapRecord, reason: unknown): Promise<void> => {
    if (reason === STOPPED) return;
    if (reason instanceof AppError && reason.code === "storage_unavailable") {
      logger.warn({ err: reason, swap: swap.id }, "swap: interrupted; it goes on when the storage is there again");
      return;
    }
    try {
      await catalogue.swaps.end(swap.id, "failed", asReport(reason));
    } catch (error) {
      // The cancel is on disk before the swap hears of it.
      if (error instanceof AppError && error.code === "swap_finished") return;
      throw error;
    }
    logger.error({ err: reason, swap: swap.id }, "swap: failed; nothing has changed");
  };

  /** Runs the swap that `add` writes. Where the server has begun to stop meanwhile, the next start runs it. */
  const begin = async (add: () => Promise<SwapRecord>): Promise<SwapView> => {
    generations.active();
    if (current?.abort.signal.aborted) await current.ended; // cancelled, and its encoder is not gone yet
    if (closed) throw new AppError("not_ready", "The server is stopping.");
    if (current) {
      throw new AppError("swap_in_progress", `Swap ${current.id} is running. Wait until it has ended, or cancel it.`);
    }
    const swap = await add();
    if (!closed && !current && (cluster?.leads ?? true)) run(swap);
    return view(swap);
  };

  const cancel = async (id: string): Promise<SwapView> => {
    const swap = await get(id);
    if (cluster && !cluster.leads && !hasEnded(swap)) {
      await cluster.cancel(id); // the server that runs swaps ends it
      return swap;
    }
    await catalogue.swaps.end(id, "cancelled"); // on disk first, so that no start goes on with it
    if (current?.id === id) current.abort.abort(CANCELLED);
    logger.info({ swap: id }, "swap: cancelled");
    return get(id);
  };

  return {
    async begin(name, { force = false, skipDamaged = false, review = deps.review } = {}) {
      generations.active();
      const model = await readModel(modelsFolder, name);
      const { card } = model;
      // The server that runs the swap may not have it in its own models folder.
      if (cluster) await models.put(card.sha256, await readOnnx(model));
      return begin(() => catalogue.swaps.begin(card, { force, skipDamaged, review }));
    },
    rollback: () => begin(() => catalogue.swaps.beginRollback()),
    get,
    list: async (limit) => Promise.all((await catalogue.swaps.newest(limit)).map(view)),
    previous: () => catalogue.generations.inState("retired"),
    async running() {
      const swap = await catalogue.swaps.running();
      return swap && view(swap);
    },
    cancel,
    async approve(id) {
      await get(id);
      return view(await catalogue.swaps.approve(id));
    },
    async discard(id) {
      const swap = await get(id);
      if (awaitsApproval(swap)) return cancel(id);
      throw new AppError("not_in_review", `Swap ${id} is ${swap.state} and does not wait for approval.`);
    },
    get runningHere() {
      return current?.abort.signal.aborted ? undefined : current?.id;
    },
    async resume() {
      const swap = await catalogue.swaps.running();
      if (swap && !current && !closed) run(swap);
    },
    halt: () => current?.abort.abort(STOPPED),
    settled: () => current?.ended ?? Promise.resolve(),
    async close() {
      closed = true;
      current?.abort.abort(STOPPED);
      await current?.ended;
      await tidying;
    },
  };
}

function asReport(error: unknown): SwapError {
  if (error instanceof AppError) return { code: error.code, detail: error.message };
  return { code: "internal", detail: "The swap failed inside the server. The server's log says why." };
}
