// A worker: a process, perhaps on a machine with a GPU, that answers nobody. While a swap embeds all images again it
// takes parts of them, as every server does.
import { setTimeout as sleep } from "node:timers/promises";
import type { Logger } from "pino";
import { AppError } from "../../core/errors.ts";
import { type Config, type Options, parseConfig } from "../config.ts";
import type { Progress, SwapRecord } from "../domain/swap.ts";
import { startEncoder } from "../encoder/client.ts";
import { modelIn } from "../generation/generation.ts";
import { createLogger } from "../log.ts";
import { openSharedStorage } from "../storage/open-shared.ts";
import type { Storage } from "../storage/ports.ts";
import { backfill } from "../swap/backfill.ts";

/** Between two looks whether a swap needs help. */
const LOOK_MS = 500;

/** How a worker is followed and stopped. */
export interface WorkOptions {
  /** Once aborted it gives back what it has borrowed and ends. */
  readonly signal: AbortSignal;
  /** Of all servers and workers together, except for the rate, which is this one's. */
  readonly onProgress?: (model: string, progress: Progress) => void;
}

/**
 * Helps with the swaps of the servers that share a storage, until it is stopped. Where the storage is away it waits.
 *
 * @throws AppError `invalid_configuration` where the storage cannot be opened, or `database` and `files` are missing.
 */
export async function work(options: Options, { signal, onProgress = () => {} }: WorkOptions): Promise<void> {
  const config = parseConfig(options);
  const { database, files } = config;
  if (database === undefined || files === undefined) {
    throw new AppError(
      "invalid_configuration",
      "Expected the database and the files that the servers share, such as --database postgres://… --files s3://…",
    );
  }
  const logger = createLogger(config.logLevel);
  const storage = await openSharedStorage({ database, files }, logger);
  const { swaps } = storage.catalogue;
  try {
    while (!signal.aborted) {
      try {
        const swap = await swaps.running();
        if (swap?.state === "backfilling") await helpWith(swap, { ...config, storage, logger, signal, onProgress });
      } catch (error) {
        if (!signal.aborted) logger.warn({ err: error }, "this worker could not help with the swap; trying again");
      }
      await sleep(LOOK_MS, undefined, { signal }).catch(() => {});
    }
  } finally {
    await storage.close();
  }
}

interface HelpDeps extends Config, Required<WorkOptions> {
  readonly storage: Storage;
  readonly logger: Logger;
}

/** Embeds for a swap until nothing is lacking, or until it does something else. */
async function helpWith(swap: SwapRecord, { storage, logger, onProgress, ...deps }: HelpDeps): Promise<void> {
  const { catalogue, models, vectors } = storage;
  const { number, card, encoder } = (await catalogue.generations.get(swap.generation))!;
  const over = new AbortController();
  const signal = AbortSignal.any([deps.signal, over.signal]);
  const index = vectors.open({ number, encoder, card });
  const candidate = {
    card,
    encoder,
    index,
    startBackgroundEncoder: () =>
      startEncoder(modelIn(models, card), { ...deps, background: true }, { logger, signal }),
  };
  const watch = async () => {
    while (!signal.aborted) {
      await sleep(LOOK_MS, undefined, { signal }).catch(() => {});
      const now = await catalogue.swaps.get(swap.id).catch(() => swap);
      if (now?.state !== "backfilling") over.abort();
    }
  };
  const watching = watch();
  try {
    const { skipDamaged } = swap;
    await backfill(candidate, storage, {
      signal,
      skipDamaged,
      onProgress: (progress) => onProgress(card.name, progress),
    });
  } catch (error) {
    if (!over.signal.aborted) throw error;
  } finally {
    over.abort();
    await Promise.all([watching, index.close()]);
  }
}
