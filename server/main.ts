// The server process: wire, listen, load the active generation, drain.
import { once } from "node:events";
import { createServer as createHttpServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import type { Logger } from "pino";
import { AppError, hasErrno } from "../core/errors.ts";
import { readModel, readOnnx } from "../core/model-folder.ts";
import { createMember, type Member } from "./cluster/member.ts";
import { createCollection } from "./collection/collection.ts";
import { createCollectionMap } from "./collection/map/collection-map.ts";
import { type Config, type Options, parseConfig } from "./config.ts";
import { createDecoder } from "./decoding/decoder.ts";
import type { Access } from "./domain/api-key.ts";
import { encoderKey, type GenerationRecord } from "./domain/generation.ts";
import type { ServerRecord } from "./domain/server.ts";
import { openGeneration } from "./generation/generation.ts";
import { createGenerations, type Generations } from "./generation/generations.ts";
import { isLoopback } from "./http/access.ts";
import { createApp } from "./http/app.ts";
import { createConnections } from "./http/connections.ts";
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

/** A server that answers requests. */
export interface RunningServer {
  /** Such as http://127.0.0.1:3000 */
  readonly url: string;
  /** The model that answers. */
  readonly model: string;
  /** Finishes requests under way, stops what runs in the background, and frees the data folder. */
  close(): Promise<void>;
}

/** Most bytes of answers that wait for clients to read them. */
const MAX_UNREAD_BYTES = 128 * 1024 * 1024;

/** Its drivers are loaded only where it is asked for. */
const openSharedStorage: typeof OpenSharedStorage = async (places, logger) =>
  (await import("./storage/open-shared.ts")).openSharedStorage(places, logger);

const PARTS = { openStorage, openSharedStorage, createGenerations, openGeneration };

/** What a server is made of, for tests that put a faulty part in. */
export type Parts = typeof PARTS;

/**
 * Starts the server and returns once it can answer: the active model is loaded and its index filled. Until then
 * `/livez` answers 200 and `/readyz` 503.
 *
 * @throws AppError `invalid_configuration`, or why the model cannot be opened; nothing is left running then.
 */
export async function start(options: Options = {}, replaced: Partial<Parts> = {}): Promise<RunningServer> {
  const config = parseConfig(options);
  const url = () => addressOf(server);
  const assembled = await assemble(config, { access: demandsKeys(config) ? "keys" : "this machine", url }, replaced);
  // Node cuts off clients that send too slowly, and looks for them once a second.
  const connections = createConnections({ readSeconds: config.readSeconds, maxUnreadBytes: MAX_UNREAD_BYTES });
  const server: Server = createHttpServer({ connectionsCheckingInterval: 1000 }, connections.oneAtATime(assembled.app));
  connections.guard(server);
  server.requestTimeout = config.requestSeconds * 1000;
  server.headersTimeout = Math.min(config.requestSeconds, 20) * 1000;
  const close = () => assembled.close(() => drain(server, config.drainSeconds));

  let model: string;
  try {
    if (demandsKeys(config) && !(await assembled.hasKeys())) throw keysMissing(config);
    await listen(server, config);
    model = await assembled.open();
  } catch (error) {
    await close();
    throw error;
  }
  return { url: addressOf(server), model, close };
}

/** A server without a port of its own. */
export interface MountableServer {
  /** An express application, which `own.use("/similar", app)` mounts and `http.createServer(app)` serves. */
  readonly app: RequestListener;
  /** The model that answers. */
  readonly model: string;
  /** Stops what runs in the background and frees the data folder. Stop listening first. */
  close(): Promise<void>;
}

/**
 * Makes a server to mount in an express application of your own, and returns once it can answer. Of the options, those
 * about listening (`host`, `port` and the time-outs of connections) mean nothing here.
 *
 * @param options.access Who may use it. `keys`: who has an API key; `this machine`: requests to localhost alone;
 *   `anyone`: your application has checked already. @default "this machine"
 * @throws AppError as {@link start}.
 */
export async function createServer({
  access = "this machine",
  ...options
}: Options & { readonly access?: Access } = {}): Promise<MountableServer> {
  const config = parseConfig(options);
  const assembled = await assemble(config, { access, url: () => "" });
  try {
    if (access === "keys" && !(await assembled.hasKeys())) throw keysMissing({ ...config, requireKeys: true });
    return { app: assembled.app, model: await assembled.open(), close: assembled.close };
  } catch (error) {
    await assembled.close();
    throw error;
  }
}

/** A server put together, with nothing open yet but its storage. */
interface Assembled {
  readonly app: RequestListener;
  hasKeys(): Promise<boolean>;
  /** Loads the active model, goes on with a swap that was interrupted, and watches the models folder. */
  open(): Promise<string>;
  /** @param drained Ends the requests under way, after they are told that the server stops. */
  close(drained?: () => Promise<void>): Promise<void>;
}

async function assemble(
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
    images: catalogue.images.count,
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
  let watcher: ModelWatcher | undefined;
  const app = createApp({
    collection: createCollection({ storage, generations, decoder, cluster: member }),
    readMap: createCollectionMap({ storage, generations }),
    models: createModelCatalogue(config.models, {
      generations,
      swaps,
      threshold: createThreshold({ generations, catalogue }),
      appearedAt: (card) => watcher?.appearedAt(card),
    }),
    swaps,
    notReadyReason: () => (stopping.signal.aborted ? "The server is stopping." : notReadyReason(generations, member)),
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
      await drained?.();
      await Promise.all([swaps.close(), watcher?.close()]);
      ending.abort();
      await member?.close();
      await Promise.all([generations.closeAll(), decoder.close()]);
      await storage.close();
    },
  };
}

/** Where a server listens; empty before it does. */
function addressOf(server: Server): string {
  const address = server.address() as AddressInfo | null;
  if (!address) return "";
  const { family, port } = address;
  return `http://${family === "IPv6" ? `[${address.address}]` : address.address}:${port}`;
}

/** The data folder, or what several servers share. */
function openConfigured({ data, database, files }: Config, logger: Logger, parts: Parts): Promise<Storage> {
  if (database === undefined || files === undefined) return parts.openStorage(data, logger);
  return parts.openSharedStorage({ database, files }, logger);
}

const demandsKeys = ({ host, requireKeys }: Config) => requireKeys || !isLoopback(host);

const keysMissing = ({ host, data, database }: Config) => {
  const why = isLoopback(host)
    ? "API keys are demanded (requireKeys)"
    : `Others can reach ${host}, so API keys are demanded`;
  return new AppError(
    "invalid_configuration",
    `${why}, and there is none. Make one first: moco-search keys create --role admin ${database === undefined ? `--data ${data}` : "--database …"}`,
  );
};

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

async function listen(server: Server, { port, host }: Config): Promise<void> {
  server.listen(port, host);
  try {
    await once(server, "listening");
  } catch (error) {
    if (hasErrno(error, "EADDRINUSE")) {
      throw new AppError(
        "invalid_configuration",
        `Port ${port} of ${host} is in use. Stop what uses it or choose another port.`,
        { cause: error },
      );
    }
    throw error;
  }
}

/** Takes no new connections, waits for requests under way, and after `seconds` closes those that are left. */
async function drain(server: Server, seconds: number): Promise<void> {
  if (!server.listening) return;
  const closed = once(server, "close");
  server.close();
  const timer = setTimeout(() => server.closeAllConnections(), seconds * 1000);
  await closed;
  clearTimeout(timer);
}
