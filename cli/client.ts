// A client of a running server, for the commands that use one.
import { setTimeout as sleep } from "node:timers/promises";
import { InvalidArgumentError, Option } from "commander";
import { AppError, ERRORS, type ErrorCode } from "../core/errors.ts";
import { hasEnded, type SwapView } from "../server/domain/swap.ts";
import type { ModelCatalogue } from "../server/models/catalogue.ts";
import { readEvents } from "./event-stream.ts";

/** A stored image that a search found. */
export interface Match {
  readonly id: string;
  /** Cosine similarity, −1..1. */
  readonly score: number;
  readonly metadata: Readonly<Record<string, unknown>>;
}

/** The answer to a search. */
export interface SearchAnswer {
  readonly generation: unknown;
  readonly model: { readonly name: string; readonly sha256: string };
  readonly matches: readonly Match[];
}

/** Embeddings and the model that computed them. */
export interface EmbedAnswer {
  readonly model: { readonly name: string; readonly version: string; readonly sha256: string };
  readonly dimensions: number;
  readonly embeddings: readonly (readonly number[])[];
}

/** What an upload stored, and which files it could not; `index` is a file's place among those sent, from 0. */
export interface UploadAnswer {
  readonly images: ReadonlyArray<{ readonly id: string; readonly sha256: string; readonly duplicateOf?: string }>;
  readonly errors: ReadonlyArray<{ readonly index: number; readonly code: string; readonly detail: string }>;
}

/** A stored image. */
export interface ImageView {
  readonly id: string;
  readonly sha256: string;
  readonly width: number;
  readonly height: number;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly createdAt: string;
}

/** Images linked by similarities of at least a threshold. */
export interface DuplicateGroup {
  readonly similarity: number;
  /** True where all have the same bytes. */
  readonly exact: boolean;
  readonly images: ReadonlyArray<{ readonly id: string; readonly sha256: string }>;
}

/** What narrows a search. */
export interface SearchOptions {
  readonly minScore?: number | undefined;
  /** A filter as JSON. */
  readonly filter?: string | undefined;
}

/** Groups of duplicates, the most similar first; `total` counts those beyond the limit too. */
export interface DuplicateAnswer {
  readonly total: number;
  readonly groups: readonly DuplicateGroup[];
}

/** Options of an activation. */
export interface ActivateOptions {
  readonly force?: boolean | undefined;
  readonly skipDamaged?: boolean | undefined;
  readonly review?: boolean | undefined;
}

/** The active model, the one that a rollback goes back to, the running swap, and all models. */
export type ModelList = Awaited<ReturnType<ModelCatalogue["list"]>>;

/** A client of one server. Calls reject with an AppError that has the server's code and message. */
export interface Client {
  upload(files: readonly ImageFile[], metadata: unknown): Promise<UploadAnswer>;
  /** Which of up to 1000 SHA-256 (hex) are stored. */
  known(sha256: readonly string[]): Promise<readonly string[]>;
  search(file: ImageFile, k: number, options?: SearchOptions): Promise<SearchAnswer>;
  embed(files: readonly ImageFile[]): Promise<EmbedAnswer>;
  /**
   * @param options.force Activates the model even where it finds less than the active one.
   * @param options.skipDamaged Goes on without images whose stored files are missing, damaged or cannot be
   *   decoded.
   * @param options.review Waits for approval before the switch. Default: as the server is configured.
   */
  activate(model: string, options?: ActivateOptions): Promise<SwapView>;
  /** Lets a swap that waits for approval switch. */
  approve(id: string): Promise<SwapView>;
  /** Ends a swap that waits for approval. */
  discard(id: string): Promise<SwapView>;
  rollback(): Promise<SwapView>;
  /** Stored images, newest first, a page at a time; `filter` is JSON. */
  images(options?: { readonly limit?: number; readonly filter?: string | undefined }): AsyncGenerator<ImageView>;
  deleteImage(id: string): Promise<void>;
  duplicates(options: { readonly threshold: number; readonly limit: number }): Promise<DuplicateAnswer>;
  models(): Promise<ModelList>;
  swaps(limit: number): Promise<readonly SwapView[]>;
  /** Number of stored images. */
  countImages(): Promise<number>;
  swap(id: string): Promise<SwapView>;
  /** Yields a swap whenever it has changed, until it ends; survives restarts of the server. */
  follow(id: string): AsyncGenerator<SwapView>;
}

/** An image file's name and content. */
export interface ImageFile {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** The options of every command that talks to a server. */
export interface ServerFlags {
  readonly server: string;
  readonly key?: string;
}

/** `--server` and `--key`. */
export const serverOptions = () => [
  new Option("--server <url>", "address of the server")
    .argParser(serverAddress)
    .default("http://127.0.0.1:3000")
    .env("MOCO_SEARCH_SERVER"),
  new Option("--key <key>", "API key, where the server demands one").env("MOCO_SEARCH_KEY"),
];

/** Parses the address of a server; http:// may be left out. */
function serverAddress(text: string): string {
  const address = /^[a-z]+:\/\//i.test(text) ? text : `http://${text}`;
  if (URL.canParse(address) && /^https?:/i.test(address)) return new URL(address).origin;
  throw new InvalidArgumentError("Expected an address such as http://127.0.0.1:3000.");
}

/** Attempts of a request to a server that is busy or starting. */
const ATTEMPTS = 8;

/** Makes a client of the server at `url`, such as http://127.0.0.1:3000. It retries while the server is busy. */
export function createClient(url: string, key?: string): Client {
  const headers = key === undefined ? {} : { Authorization: `Bearer ${key}` };
  /** @param body A form, or a value that is sent as JSON. */
  const ask = (method: string, path: string, body?: FormData | object) => {
    const content =
      body === undefined || body instanceof FormData
        ? { headers, ...(body && { body }) }
        : { headers: { ...headers, "Content-Type": "application/json" }, body: JSON.stringify(body) };
    return fetch(new URL(path, url), { method, ...content }).catch((error) => {
      throw new AppError("not_ready", `No server answers at ${url}. Start one with: moco-search serve`, {
        cause: error,
      });
    });
  };
  const call = async (method: string, path: string, body?: FormData | object): Promise<unknown> => {
    for (let attempt = 1; ; attempt++) {
      const response = await ask(method, path, body);
      if (response.status === 204) return undefined;
      const answer = (await response.json().catch((error) => {
        throw new AppError("not_found", `Something answers at ${url}, but not as moco-search does. Check --server.`, {
          cause: error,
        });
      })) as Record<string, unknown>;
      if (response.ok) return answer;
      const busy = response.status === 503 || response.status === 429;
      if (busy && attempt < ATTEMPTS) {
        await sleep(Math.min(Number(response.headers.get("Retry-After") ?? 1), 30) * 1000);
        continue;
      }
      const code = typeof answer.code === "string" && answer.code in ERRORS ? (answer.code as ErrorCode) : "internal";
      throw new AppError(code, `${answer.title}: ${answer.detail}`);
    }
  };
  const getSwap = async (id: string) => (await call("GET", swapPath(id))) as SwapView;
  return {
    async upload(files, metadata) {
      const form = multipart(files);
      form.append("metadata", JSON.stringify(metadata));
      return (await call("POST", "/v1/images", form)) as UploadAnswer;
    },
    known: async (sha256) =>
      sha256.length === 0 ? [] : ((await call("POST", "/v1/images/known", { sha256 })) as { known: string[] }).known,
    async search(file, k, { minScore, filter } = {}) {
      const form = multipart([file]);
      form.append("k", String(k));
      if (minScore !== undefined) form.append("minScore", String(minScore));
      if (filter !== undefined) form.append("filter", filter);
      return (await call("POST", "/v1/search", form)) as SearchAnswer;
    },
    embed: async (files) => (await call("POST", "/v1/embeddings", multipart(files))) as EmbedAnswer,
    async activate(model, { force = false, skipDamaged = false, review } = {}) {
      const path = `/v1/models/${encodeURIComponent(model)}/activate?${queryOf({ force, skipDamaged, review })}`;
      return ((await call("POST", path)) as { swap: SwapView }).swap;
    },
    approve: async (id) => ((await call("POST", `${swapPath(id)}/approve`)) as { swap: SwapView }).swap,
    discard: async (id) => ((await call("POST", `${swapPath(id)}/discard`)) as { swap: SwapView }).swap,
    rollback: async () => ((await call("POST", "/v1/rollback")) as { swap: SwapView }).swap,
    async *images({ limit = Number.POSITIVE_INFINITY, filter } = {}) {
      let left = limit;
      for (let cursor: string | undefined; left > 0; ) {
        const query = queryOf({ limit: Math.min(left, 1000), filter, cursor });
        const page = (await call("GET", `/v1/images?${query}`)) as { images: ImageView[]; nextCursor?: string };
        yield* page.images;
        left -= page.images.length;
        cursor = page.nextCursor;
        if (!cursor) return;
      }
    },
    deleteImage: async (id) => void (await call("DELETE", `/v1/images/${encodeURIComponent(id)}`)),
    duplicates: async (options) => (await call("GET", `/v1/duplicates?${queryOf(options)}`)) as DuplicateAnswer,
    models: async () => (await call("GET", "/v1/models")) as ModelList,
    swaps: async (limit) => ((await call("GET", `/v1/swaps?${queryOf({ limit })}`)) as { swaps: SwapView[] }).swaps,
    async countImages() {
      const metrics = await (await ask("GET", "/metrics")).text();
      return Number(/^moco_search_images (\d+)$/m.exec(metrics)?.[1] ?? Number.NaN);
    },
    swap: getSwap,
    async *follow(id) {
      for (let attempt = 1; ; attempt++) {
        try {
          const { ok, body } = await ask("GET", `${swapPath(id)}/events`);
          // If there is no stream, ask for the swap itself, which also tells why there is none.
          for await (const swap of ok && body ? readEvents<SwapView>(body) : [await getSwap(id)]) {
            yield swap;
            if (hasEnded(swap)) return;
            attempt = 0;
          }
        } catch (error) {
          const isServersWord = error instanceof AppError && error.code !== "not_ready";
          if (isServersWord || attempt >= ATTEMPTS) throw error;
        }
        await sleep(1000);
      }
    },
  };
}

const swapPath = (id: string) => `/v1/swaps/${encodeURIComponent(id)}`;

function queryOf(values: Readonly<Record<string, string | number | boolean | undefined>>): URLSearchParams {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(values)) if (value !== undefined) query.append(name, `${value}`);
  return query;
}

function multipart(files: readonly ImageFile[]): FormData {
  const form = new FormData();
  for (const { name, bytes } of files) form.append("image", new Blob([bytes]), name);
  return form;
}
