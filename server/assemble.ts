// A server put together from its parts: storage, generations, swaps and the HTTP interface, with the order of their
// start and end.

import { join, resolve } from "node:path";
import type { Logger } from "pino";
import { AppError } from "../core/errors.ts";
import { readOnnx } from "../core/model.ts";
import { readModel } from "../core/model-folder.ts";
import { createMember, type Member } from "./cluster/member.ts";
import { createCollection } from "./collection/collection.ts";
import { createCollectionMap } from "./collection/map/collection-map.ts";
import type { Config } from "./config.ts";
import { createDecoder } from "./decoding/decoder.ts";
import type { Access } from "./domain/api-key.ts";
import { encoderKey, type GenerationRecord } from "./domain/generation.ts";
import type { ServerRecord } from "./domain/server.ts";
import { openGeneration } from "./generation/generation.ts";
import { createGenerations, type Generations } from "./generation/generations.ts";
import { createApp } from "./http/app.ts";
import type { ExpressApp } from "./http/express-server.ts";
import { openUploadSpace } from "./http/upload-space.ts";
import { createLogger } from "./log.ts";
import { createMetrics } from "./metrics.ts";
import { createModelCatalogue } from "./models/catalogue.ts";
import { createThreshold } from "./models/threshold.ts";
import { type ModelWatcher, watchModels } from "./models/watcher.ts";
import { openStorage } from "./storage/open.ts";
import type { openSharedStorage as OpenSharedStorage } from "./storage/open-shared.ts";
import type { Storage } from "./storage/ports.ts";
import { createSwaps } from "./swap/swaps.ts";
import { runTraining } from "./trainings/process.ts";
import { openTrainings } from "./trainings/trainings.ts";
import { whyOff } from "./trainings/why-off.ts";

/** Its drivers are loaded only where it is asked for. */
const openSharedStorage: typeof OpenSharedStorage = async (places, logger) =>
  (await import("./storage/open-shared.ts")).openSharedStorage(places, logger);

/** Why nothing more is answered. */
const STOPPING = "The server is stopping.";

const PARTS = { openStorage, openSharedStorage, createGenerations, openGeneration, runTraining };

/** What a server is made of, for tests that put a faulty part in. */
export type Parts = typeof PARTS;

/** A server put together, with nothing open yet but its storage. */
export interface Assembled {
  readonly app: ExpressApp;
  hasKeys(): Promise<boolean>;
  /** Loads the active model, goes on with a swap that was interrupted, and watches the models folder. */
  open(): Promise<string>;
  /** @param drained Ends the requests under way, after they are told that the server stops. */
  close(drained?: () => Promise<void>): Promise<void>;
}

/**
 * Puts a server together and opens its storage.
 *
 * @param options.url Where it listens; empty before it does.
 * @throws AppError `invalid_configuration` where the storage cannot be opened.
 */
export async function assemble(
  config: Config,
  { access, url }: { readonly access: Access; readonly url: () => string },
  replaced: Partial<Parts> = {},
): Promise<Assembled> {
  const parts = { ...PARTS, ...replaced };
  const stopping = new AbortController();
  const logger = createLogger(config.logLevel);
  const storage = await openConfigured(config, logger, parts);
  const { catalogue } = storage;
  const space = await openUploadSpace(join(config.data, "uploads"), { maxOnDisk: 4 * config.maxRequestBytes });
  const generations = parts.createGenerations();
  const decoder = createDecoder(config, { logger });
  const metrics = createMetrics({
    generation: () => generations.serving?.number,
    images: () => catalogue.images.count(),
    contents: catalogue.contents.count,
    waiting: () => generations.serving?.waitingImages ?? 0,
    ready: () => !stopping.signal.aborted && notReadyReason(generations, member) === undefined,
    servers: async () => (await listServers()).filter(({ ready }) => ready).length,
  });
  /** Aborted when nobody waits for an embedding any more. */
  const ending = new AbortController();
  const open = (record: GenerationRecord, signal = ending.signal) =>
    parts.openGeneration(record, storage, config, {
      logger,
      metrics,
      signal: AbortSignal.any([signal, ending.signal]),
    });
  const member = storage.servers && createMember({ storage, servers: storage.servers, generations, open, url, logger });
  const startedAt = new Date().toISOString();
  const listServers = async (): Promise<readonly ServerRecord[]> => {
    if (member) return member.list();
    const isReady = notReadyReason(generations) === undefined;
    const open = generations.open().map(({ number }) => number);
    const heardAt = new Date().toISOString();
    return [{ id: "alone", url: url(), startedAt, heardAt, ready: isReady, leads: true, generations: open }];
  };
  const swaps = createSwaps({
    storage,
    generations,
    decoder,
    modelsFolder: config.models,
    gate: config,
    review: config.review,
    open,
    cluster: member,
    logger,
  });
  const trainings = await openTrainings({
    folder: resolve(config.data, "trainings"),
    ...{ data: config.data, models: config.models, offReason: await whyOff(config) },
    ...{ storage, runTraining: parts.runTraining, logger },
  });
  let watcher: ModelWatcher | undefined;
  const app = createApp({
    collection: createCollection({ storage, generations, decoder, cluster: member }),
    map: createCollectionMap({ storage, generations }),
    models: createModelCatalogue(config.models, {
      generations,
      swaps,
      threshold: createThreshold({ generations, catalogue }),
      appearedAt: (card) => watcher?.appearedAt(card),
      refresh: member?.refresh,
    }),
    swaps,
    trainings,
    notReadyReason: () => (stopping.signal.aborted ? STOPPING : notReadyReason(generations, member)),
    cutOffReason: member?.cutOffReason,
    listServers,
    stopping: stopping.signal,
    metrics,
    limits: { ...config, space },
    access,
    apiKeys: catalogue.apiKeys,
    rateLimit: access === "keys" ? config.rateLimit : 0,
    trustProxies: config.trustProxies,
    logger,
  });
  return {
    app,
    hasKeys: async () => (await catalogue.apiKeys.list()).length > 0,
    async open() {
      const generation = await open(await firstGeneration(storage, config, logger));
      generations.setCandidate(generation); // so that it is closed on failure
      await Promise.all([generation.warm(), generation.index.fill()]);
      await generation.index.optimise();
      generations.switchTo(generation);
      if (member) await member.start(swaps);
      else await swaps.resume();
      watcher = watchModels(config.models, { swaps, logger }, config);
      const model = generations.active().card.name;
      logger.info({ model }, "ready");
      return model;
    },
    async close(drained) {
      if (stopping.signal.aborted) return;
      stopping.abort();
      const trained = trainings.close(); // it writes a checkpoint while requests are finished
      await drained?.();
      await Promise.all([trained, swaps.close(), watcher?.close()]);
      ending.abort(new AppError("not_ready", STOPPING)); // what still waits has lost its client
      await member?.close();
      await Promise.all([generations.closeAll(), decoder.close()]);
      await storage.close();
    },
  };
}

/** The data folder, or what several servers share. */
function openConfigured({ data, database, files }: Config, logger: Logger, parts: Parts): Promise<Storage> {
  if (database === undefined || files === undefined) return parts.openStorage(data, logger);
  return parts.openSharedStorage({ database, files }, logger);
}

/** The generation that was active last; in a new data folder, a first one of the configured model. */
async function firstGeneration(storage: Storage, { models, model }: Config, logger: Logger): Promise<GenerationRecord> {
  const { generations } = storage.catalogue;
  const active = await generations.inState("active");
  if (active) {
    if (model !== undefined) await warnOfOther(active, models, model, logger);
    return active;
  }
  const found = await readModel(models, model ?? "default");
  await storage.models.put(found.card.sha256, await readOnnx(found));
  return generations.addFirst(found.card);
}

/** The model of a data folder changes only by a swap: warns where the configuration names another one. */
async function warnOfOther({ card }: GenerationRecord, models: string, model: string, logger: Logger): Promise<void> {
  const asked = await readModel(models, model).catch(() => undefined);
  if (asked && encoderKey(asked.card) === encoderKey(card)) return;
  logger.warn(
    { active: { name: card.name, version: card.version }, asked: model },
    `This data folder goes on with the model "${card.name}" of ${card.version}: its images are embedded with that one. To change to "${model}" run, once the server is ready: moco-search activate ${model}`,
  );
}

function notReadyReason(generations: Generations, member?: Member): string | undefined {
  const active = generations.serving;
  if (!active) return "The model is being loaded.";
  if (active.pid === undefined) return "The encoder is being started again.";
  if (!active.index.isServing) return "The index is being built.";
  return member?.outReason();
}
