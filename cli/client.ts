// A client of a running server, for the commands that use one.
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

/** A swap as the server tells it. */
export interface Swap {
  readonly id: string;
  readonly state: string;
  readonly error?: { readonly detail?: string };
}

/** A server by its address. Every call rejects with an AppError that carries the server's own words. */
export interface Client {
  upload(files: readonly ImageFile[], metadata: Readonly<Record<string, unknown>>): Promise<number>;
  search(file: ImageFile, k: number): Promise<SearchAnswer>;
  activate(model: string): Promise<Swap>;
  swap(id: string): Promise<Swap>;
}

/** An image file's name and content. */
export interface ImageFile {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** A client of the server at `url`, such as http://127.0.0.1:3000. */
export function createClient(url: string): Client {
  const call = async (method: string, path: string, body?: FormData) => {
    const response = await fetch(new URL(path, url), { method, ...(body && { body }) }).catch((error) => {
      throw new AppError("not_ready", `No server answers at ${url}. Start one with: moco-search serve`, {
        cause: error,
      });
    });
    const answer = (await response.json()) as Record<string, unknown>;
    if (response.ok) return answer;
    const code = typeof answer.code === "string" && answer.code in ERRORS ? (answer.code as ErrorCode) : "internal";
    throw new AppError(code, `${answer.title}: ${answer.detail}`);
  };
  return {
    async upload(files, metadata) {
      const form = multipart(files);
      form.append("metadata", JSON.stringify(metadata));
      const { images } = await call("POST", "/v1/images", form);
      return (images as unknown[]).length;
    },
    async search(file, k) {
      const form = multipart([file]);
      form.append("k", String(k));
      return (await call("POST", "/v1/search", form)) as unknown as SearchAnswer;
    },
    async activate(model) {
      return (await call("POST", `/v1/models/${encodeURIComponent(model)}/activate`)).swap as Swap;
    },
    swap: async (id) => (await call("GET", `/v1/swaps/${encodeURIComponent(id)}`)) as unknown as Swap,
  };
}

function multipart(files: readonly ImageFile[]): FormData {
  const form = new FormData();
  for (const { name, bytes } of files) form.append("image", new Blob([bytes]), name);
  return form;
}
