// A client of a running server, for the commands that use one.
import { setTimeout as sleep } from "node:timers/promises";
import { Option } from "commander";
import { AppError, ERRORS, type ErrorCode } from "../core/errors.ts";
import { hasEnded, type SwapView } from "../server/domain/swap.ts";
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

/** Embeddings, and the model that gave them. */
export interface EmbedAnswer {
  readonly model: { readonly name: string; readonly version: string; readonly sha256: string };
  readonly dimensions: number;
  readonly embeddings: readonly (readonly number[])[];
}

/** What an upload stored, and the files that it could not store by their place among those sent. */
export interface UploadAnswer {
  readonly images: ReadonlyArray<{ readonly id: string; readonly sha256: string; readonly duplicateOf?: string }>;
  readonly errors: ReadonlyArray<{ readonly index: number; readonly code: string; readonly detail: string }>;
}

/** What narrows a search. */
export interface SearchOptions {
  readonly minScore?: number | undefined;
  /** A filter as JSON. */
  readonly filter?: string | undefined;
}

/** A server by its address. Every call rejects with an AppError that carries the server's own words. */
export interface Client {
  /** @param key Idempotency-Key: sent again, the upload is stored once. */
  upload(files: readonly ImageFile[], metadata: unknown, key?: string): Promise<UploadAnswer>;
  search(file: ImageFile, k: number, options?: SearchOptions): Promise<SearchAnswer>;
  embed(files: readonly ImageFile[]): Promise<EmbedAnswer>;
  /** @param options.force Activates a model that finds less than the active one. */
  activate(model: string, options?: { readonly force?: boolean | undefined }): Promise<SwapView>;
  rollback(): Promise<SwapView>;
  swap(id: string): Promise<SwapView>;
  /** A swap whenever it has changed, up to its end; follows it through restarts of the server. */
  follow(id: string): AsyncGenerator<SwapView>;
}

/** An image file's name and content. */
export interface ImageFile {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** The options that every command of a client has. */
export interface ServerFlags {
  readonly server: string;
  readonly key?: string;
}

/** `--server` and `--key`. */
export const serverOptions = () => [
  new Option("--server <url>", "address of the server").default("http://127.0.0.1:3000").env("MOCO_SEARCH_SERVER"),
  new Option("--key <key>", "API key, where the server demands one").env("MOCO_SEARCH_KEY"),
];

/** Tries of a request to a server that is busy or starting. */
const ATTEMPTS = 8;

/** A client of the server at `url`, such as http://127.0.0.1:3000. Waits and tries again where the server is busy. */
export function createClient(url: string, key?: string): Client {
  const headers = key === undefined ? {} : { Authorization: `Bearer ${key}` };
  const ask = (method: string, path: string, body?: FormData, more: Record<string, string> = {}) =>
    fetch(new URL(path, url), { method, headers: { ...headers, ...more }, ...(body && { body }) }).catch((error) => {
      throw new AppError("not_ready", `No server answers at ${url}. Start one with: moco-search serve`, {
        cause: error,
      });
    });
  const call = async (method: string, path: string, body?: FormData, more?: Record<string, string>) => {
    for (let attempt = 1; ; attempt++) {
      const response = await ask(method, path, body, more);
      const answer = (await response.json()) as Record<string, unknown>;
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
  const getSwap = async (id: string) =>
    (await call("GET", `/v1/swaps/${encodeURIComponent(id)}`)) as unknown as SwapView;
  return {
    async upload(files, metadata, idempotencyKey) {
      const form = multipart(files);
      form.append("metadata", JSON.stringify(metadata));
      const more = idempotencyKey === undefined ? {} : { "Idempotency-Key": idempotencyKey };
      return (await call("POST", "/v1/images", form, more)) as unknown as UploadAnswer;
    },
    async search(file, k, { minScore, filter } = {}) {
      const form = multipart([file]);
      form.append("k", String(k));
      if (minScore !== undefined) form.append("minScore", String(minScore));
      if (filter !== undefined) form.append("filter", filter);
      return (await call("POST", "/v1/search", form)) as unknown as SearchAnswer;
    },
    embed: async (files) => (await call("POST", "/v1/embeddings", multipart(files))) as unknown as EmbedAnswer,
    async activate(model, { force = false } = {}) {
      const path = `/v1/models/${encodeURIComponent(model)}/activate${force ? "?force=true" : ""}`;
      return (await call("POST", path)).swap as SwapView;
    },
    rollback: async () => (await call("POST", "/v1/rollback")).swap as SwapView,
    swap: getSwap,
    async *follow(id) {
      for (let attempt = 1; ; attempt++) {
        try {
          const { ok, body } = await ask("GET", `/v1/swaps/${encodeURIComponent(id)}/events`);
          // Where there are no events, the swap itself or the reason why there is none.
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

function multipart(files: readonly ImageFile[]): FormData {
  const form = new FormData();
  for (const { name, bytes } of files) form.append("image", new Blob([bytes]), name);
  return form;
}
