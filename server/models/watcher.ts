// Watches models/: logs each new model once it is complete and, with `autoActivate`, activates it.
import { setTimeout as sleep } from "node:timers/promises";
import type { Logger } from "pino";
import { AppError } from "../../core/errors.ts";
import { type Model, readOnnx } from "../../core/model.ts";
import { listModels } from "../../core/model-folder.ts";
import { encoderKey } from "../domain/generation.ts";
import type { Swaps } from "../swap/swaps.ts";

export interface ModelWatcher {
  /** When a model of this card appeared, ISO 8601; undefined where it was there when the server started. */
  appearedAt(card: Model["card"]): string | undefined;
  close(): Promise<void>;
}

/** Milliseconds between two looks. Polling works on every file system; notifications of changes do not. */
const LOOK_MS = 2000;

/**
 * Watches a models folder until it is closed.
 *
 * @param options.autoActivate Begins a swap to each model that appears, the newest last; a model that is refused is
 *   not tried again.
 * @param options.lookMs Milliseconds between two looks. @default 2000
 */
export function watchModels(
  modelsFolder: string,
  { swaps, logger }: { swaps: Pick<Swaps, "begin" | "settled">; logger: Logger },
  { autoActivate, lookMs = LOOK_MS }: { autoActivate: boolean; lookMs?: number },
): ModelWatcher {
  const stop = new AbortController();
  /** When each model appeared, by key; undefined for those that were there at the start. */
  const known = new Map<string, string | undefined>();
  const keyOf = (card: Model["card"]) => `${card.name} ${card.version} ${encoderKey(card)}`;

  /** The activations so far, one after another. A swap may wait for approval; watching goes on meanwhile. */
  let activating: Promise<void> = Promise.resolve();

  const activate = async (name: string): Promise<void> => {
    if (stop.signal.aborted) return;
    try {
      const { id } = await swaps.begin(name);
      logger.info({ model: name, swap: id }, "activating the new model");
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      if (error.code === "model_active") return;
      if (error.code !== "swap_in_progress") throw error;
      await swaps.settled();
      await activate(name);
    }
  };

  const look = async (isFirst: boolean): Promise<void> => {
    for (const entry of await listModels(modelsFolder)) {
      if ("error" in entry || known.has(keyOf(entry.model.card))) continue;
      // Someone may still be copying it: it counts once the encoder is the one that the card names.
      const isWhole = isFirst || (await readOnnx(entry.model).then(Boolean, () => false));
      if (!isWhole) continue;
      known.set(keyOf(entry.model.card), isFirst ? undefined : new Date().toISOString());
      if (isFirst) continue;
      logger.info({ model: entry.name, version: entry.model.card.version }, "a new model is there");
      if (autoActivate) {
        activating = activating
          .then(() => activate(entry.name))
          .catch((error) => logger.error({ err: error, model: entry.name }, "the new model could not be activated"));
      }
    }
  };

  const watch = async (): Promise<void> => {
    for (let isFirst = true; !stop.signal.aborted; isFirst = false) {
      await look(isFirst).catch((error) => logger.error({ err: error }, "models could not be watched"));
      await sleep(lookMs, undefined, { signal: stop.signal }).catch(() => {});
    }
  };

  const ended = watch();
  return {
    appearedAt: (card) => known.get(keyOf(card)),
    async close() {
      stop.abort();
      await ended;
      await activating;
    },
  };
}
