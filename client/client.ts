// The client: a method for each operation of the OpenAPI document, under its operationId.
import { AppError } from "../core/errors.ts";
import { hasEnded } from "../server/domain/swap-state.ts";
import { hasStopped } from "../server/domain/training-state.ts";
import { readEvents } from "./event-stream.ts";
import { type ClientOptions, createSend, entriesOf, sleep } from "./send.ts";
import type * as t from "./types.ts";

/** A client of one server. Calls reject with an AppError that has the server's code and message. */
export interface Client {
  /** Stores images. What is answered is on disk and found by searches; `errors` names the files that are not. */
  storeImages(files: readonly t.ImageFile[], options?: t.UploadOptions): Promise<t.Uploaded>;
  /** A page of images. */
  listImages(options?: t.ListOptions): Promise<t.ImagePage>;
  /** Every image that fits, page by page. `limit` bounds all of them. @default no limit */
  eachImage(options?: Omit<t.ListOptions, "cursor">): AsyncGenerator<t.Image>;
  /** Which of these 1 to 1000 SHA-256 (hex) are stored. */
  knownImages(sha256: readonly string[]): Promise<readonly string[]>;
  getImage(id: string): Promise<t.Image>;
  /** Merges `metadata` into an image's; null removes a key (RFC 7396). */
  changeImage(id: string, metadata: t.Metadata): Promise<t.Image>;
  deleteImage(id: string): Promise<void>;
  /**
   * The files of 1 to 10,000 images as a zip, with images.csv at its end. Ids that no image has and damaged files are
   * named in its missing.txt.
   */
  archiveImages(ids: readonly string[]): Promise<ReadableStream<Uint8Array<ArrayBuffer>>>;
  /** Merges `metadata` into that of each of 1 to 1000 images; null removes a key (RFC 7396). */
  changeImages(ids: readonly string[], metadata: t.Metadata): Promise<t.Changed>;
  /** Deletes 1 to 1000 images. */
  deleteImages(ids: readonly string[]): Promise<t.Deleted>;
  /** The file as it was stored, or with `size` a JPEG or a WebP whose longest side has so many pixels, 16 to 2048. */
  getImageContent(id: string, options?: { readonly size?: number }): Promise<Blob>;
  /** Finds images like a stored one, like examples, or near a vector. */
  search(query: t.SearchQuery): Promise<t.Matches>;
  /** Finds images like a file. */
  searchByImage(file: t.ImageFile, options?: t.ImageSearchOptions): Promise<t.Matches>;
  /** Finds the shape of the thing that was clicked on in a stored image; {@link search} takes it as its `mask`. */
  segment(query: t.SegmentQuery): Promise<t.Segment>;
  /** Finds the shape of the thing that was clicked on in a file; {@link searchByImage} takes it as its `mask`. */
  segmentImage(file: t.ImageFile, clicks: t.SegmentClicks): Promise<t.Segment>;
  /** Embeds images without storing them. */
  embedImages(files: readonly t.ImageFile[]): Promise<t.Embeddings>;
  /** Which values the metadata has, and how often; the most useful field first. */
  getFacets(options?: t.FacetOptions): Promise<t.Facets>;
  /** Groups of images that are nearly, or exactly, the same. */
  findDuplicates(options?: t.DuplicateOptions): Promise<t.Duplicates>;
  getMap(): Promise<t.CollectionMap>;
  /** How much of the layout is done, 0..1: a map that is asked for the first time takes seconds. */
  getMapProgress(): Promise<number>;
  /** The active model, the one that a rollback goes back to, the running swap, and all models. */
  listModels(): Promise<t.ModelList>;
  getModel(name: string): Promise<t.ModelView>;
  /** Begins a swap to a model; {@link followSwap} tells how it goes. */
  activateModel(name: string, options?: t.ActivateOptions): Promise<t.SwapView>;
  /** Begins a swap to the model before. */
  rollback(): Promise<t.SwapView>;
  /** Swaps, newest first. @default limit 100 */
  listSwaps(options?: { readonly limit?: number }): Promise<readonly t.SwapView[]>;
  getSwap(id: string): Promise<t.SwapView>;
  /** Yields a swap whenever it has changed, until it ends; survives restarts of the server. */
  followSwap(id: string): AsyncGenerator<t.SwapView>;
  cancelSwap(id: string): Promise<t.SwapView>;
  /** Lets a swap that waits for approval switch. */
  approveSwap(id: string): Promise<t.SwapView>;
  /** Ends a swap that waits for approval. */
  discardSwap(id: string): Promise<t.SwapView>;
  /** Trainings on the collection, newest first, and whether the server starts them. */
  listTrainings(): Promise<t.TrainingList>;
  getTraining(name: string): Promise<t.TrainingView>;
  /** Begins to train a model on all stored images; {@link followTraining} tells how it goes. */
  startTraining(options?: t.TrainingOptions): Promise<t.TrainingView>;
  /** Lets a training keep where it is and end. */
  stopTraining(name: string): Promise<t.TrainingView>;
  /** Goes on with a training that was stopped or has failed. */
  resumeTraining(name: string): Promise<t.TrainingView>;
  /** Deletes a training that does not run; its model stays. */
  deleteTraining(name: string): Promise<void>;
  /** The bytes of one of a training's `files`: its report, or a picture. */
  getTrainingFile(name: string, file: string): Promise<Blob>;
  /** Yields a training whenever it has changed, until it does not run; survives restarts of the server. */
  followTraining(name: string): AsyncGenerator<t.TrainingView>;
  /** The servers that share the storage. */
  listServers(): Promise<readonly t.ServerRecord[]>;
  isAlive(): Promise<t.Health>;
  /** Rejects with `not_ready` where the server cannot search after the client's attempts. */
  isReady(): Promise<t.Health>;
  /** Measurements as Prometheus reads them. */
  getMetrics(): Promise<string>;
}

/**
 * Makes a client of the server at `url`, such as http://127.0.0.1:3000. It works where there is `fetch`: in Node and in
 * browsers.
 */
export function createClient(url: string, options: ClientOptions = {}): Client {
  const { send, sendForJson } = createSend(url, options);
  const get = <T>(path: string, query?: object) => sendForJson<T>("GET", path, { query: { ...query } });
  const begin = async (path: string, query?: object) =>
    (await sendForJson<{ swap: t.SwapView }>("POST", path, { query: { ...query } })).swap;
  /** Yields what a path's events say until it has ended. */
  async function* follow<T>(path: string, isOver: (view: T) => boolean): AsyncGenerator<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        const { body } = await send("GET", `${path}/events`);
        for await (const view of readEvents<T>(body!)) {
          yield view;
          if (isOver(view)) return;
          attempt = 0;
        }
      } catch (error) {
        const isServersWord = error instanceof AppError && error.code !== "not_ready";
        if (isServersWord || attempt >= (options.attempts ?? 8)) throw error;
      }
      await sleep(1000);
    }
  }
  const training = async (path: string, body?: object) =>
    (await sendForJson<{ training: t.TrainingView }>("POST", path, body && { body })).training;
  const client: Client = {
    storeImages: (files, { metadata, idempotencyKey } = {}) =>
      sendForJson("POST", "/v1/images", {
        body: formOf(files, { metadata }),
        ...(idempotencyKey !== undefined && { headers: { "Idempotency-Key": idempotencyKey } }),
      }),
    listImages: (options) => get("/v1/images", options),
    async *eachImage({ limit = Number.POSITIVE_INFINITY, ...rest } = {}) {
      let left = limit;
      for (let cursor: string | undefined; left > 0; ) {
        const page = await client.listImages({ ...rest, limit: Math.min(left, 1000), cursor });
        yield* page.images;
        left -= page.images.length;
        cursor = page.nextCursor;
        if (!cursor) return;
      }
    },
    knownImages: async (sha256) =>
      (await sendForJson<{ known: string[] }>("POST", "/v1/images/known", { body: { sha256 } })).known,
    getImage: (id) => get(imagePath(id)),
    changeImage: (id, metadata) => sendForJson("PATCH", imagePath(id), { body: { metadata } }),
    deleteImage: async (id) => void (await send("DELETE", imagePath(id))),
    archiveImages: async (ids) => (await send("POST", "/v1/images/archive", { body: { ids } })).body!,
    changeImages: (ids, metadata) => sendForJson("PATCH", "/v1/images", { body: { ids, metadata } }),
    deleteImages: (ids) => sendForJson("POST", "/v1/images/delete", { body: { ids } }),
    getImageContent: async (id, query = {}) =>
      (await send("GET", `${imagePath(id)}/content`, { query: { ...query } })).blob(),
    search: (query) => sendForJson("POST", "/v1/search", { body: query }),
    searchByImage: (file, { region, ...options } = {}) => {
      const place = region && [region.x, region.y, region.width, region.height].join();
      return sendForJson("POST", "/v1/search/image", { body: formOf([file], { ...options, region: place }) });
    },
    segment: (query) => sendForJson("POST", "/v1/segments", { body: query }),
    segmentImage: (file, clicks) => sendForJson("POST", "/v1/segments/image", { body: formOf([file], { ...clicks }) }),
    embedImages: (files) => sendForJson("POST", "/v1/embeddings", { body: formOf(files) }),
    getFacets: (options) => get("/v1/facets", options),
    findDuplicates: (options) => get("/v1/duplicates", options),
    getMap: () => get("/v1/map"),
    getMapProgress: async () => (await get<{ part: number }>("/v1/map/progress")).part,
    listModels: () => get("/v1/models"),
    getModel: (name) => get(modelPath(name)),
    activateModel: (name, options) => begin(`${modelPath(name)}/activate`, options),
    rollback: () => begin("/v1/rollback"),
    listSwaps: async (options) => (await get<{ swaps: t.SwapView[] }>("/v1/swaps", options)).swaps,
    getSwap: (id) => get(swapPath(id)),
    followSwap: (id) => follow<t.SwapView>(swapPath(id), hasEnded),
    cancelSwap: (id) => begin(`${swapPath(id)}/cancel`),
    approveSwap: (id) => begin(`${swapPath(id)}/approve`),
    discardSwap: (id) => begin(`${swapPath(id)}/discard`),
    listTrainings: () => get("/v1/trainings"),
    getTraining: (name) => get(trainingPath(name)),
    startTraining: (options = {}) => training("/v1/trainings", options),
    stopTraining: (name) => training(`${trainingPath(name)}/stop`),
    resumeTraining: (name) => training(`${trainingPath(name)}/resume`),
    deleteTraining: async (name) => void (await send("DELETE", trainingPath(name))),
    getTrainingFile: async (name, file) =>
      (await send("GET", `${trainingPath(name)}/files/${encodeURIComponent(file)}`)).blob(),
    followTraining: (name) => follow<t.TrainingView>(trainingPath(name), hasStopped),
    listServers: async () => (await get<{ servers: t.ServerRecord[] }>("/v1/servers")).servers,
    isAlive: () => get("/livez"),
    isReady: () => get("/readyz"),
    getMetrics: async () => (await send("GET", "/metrics")).text(),
  };
  return client;
}

const imagePath = (id: string) => `/v1/images/${encodeURIComponent(id)}`;
const modelPath = (name: string) => `/v1/models/${encodeURIComponent(name)}`;
const trainingPath = (name: string) => `/v1/trainings/${encodeURIComponent(name)}`;
const swapPath = (id: string) => `/v1/swaps/${encodeURIComponent(id)}`;

/** A form with the field `image` for each file, and `fields`. */
function formOf(files: readonly t.ImageFile[], fields: Readonly<Record<string, unknown>> = {}): FormData {
  const form = new FormData();
  for (const [name, text] of entriesOf(fields)) form.append(name, text);
  for (const file of files) {
    if (file instanceof Blob) form.append("image", file);
    else form.append("image", new Blob([file.bytes as Uint8Array<ArrayBuffer>]), file.name);
  }
  return form;
}
