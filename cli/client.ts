// A client of a running server, for the commands that use one.
import { setTimeout as sleep } from "node:timers/promises";
import { Option } from "commander";
import { AppError, ERRORS, type ErrorCode } from "../core/errors.ts";

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

/** A swap as the server tells it. */
export interface Swap {
  readonly id: string;
  readonly state: string;
  readonly model: { readonly name: string };
  readonly progress?: { readonly done: number; readonly total: number };
  readonly error?: { readonly detail?: string };
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
  activate(model: string): Promise<Swap>;
  rollback(): Promise<Swap>;
  swap(id: string): Promise<Swap>;
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
    async activate(model) {
      return (await call("POST", `/v1/models/${encodeURIComponent(model)}/activate`)).swap as Swap;
    },
    rollback: async () => (await call("POST", "/v1/rollback")).swap as Swap,
    swap: async (id) => (await call("GET", `/v1/swaps/${encodeURIComponent(id)}`)) as unknown as Swap,
  };
}

function multipart(files: readonly ImageFile[]): FormData {
  const form = new FormData();
  for (const { name, bytes } of files) form.append("image", new Blob([bytes]), name);
  return form;
}
