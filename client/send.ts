// One request: its address, key and body, again while the server is busy, and failures as AppErrors.
import { AppError, ERRORS } from "../core/errors.ts";
import type { Problem } from "./types.ts";

/** Options of a client. */
export interface ClientOptions {
  /** API key, where the server demands one. */
  readonly key?: string | undefined;
  /** How often a request is sent at most to a server that is busy or starts. @default 8 */
  readonly attempts?: number;
  /** What sends requests. @default the global `fetch` */
  readonly fetch?: typeof globalThis.fetch;
}

/** Values of a query, or fields of a form; objects and lists are written as JSON, undefined ones are left out. */
type Values = Readonly<Record<string, unknown>>;

/** What a request has beside its address. */
export interface Content {
  readonly query?: Values;
  readonly headers?: Readonly<Record<string, string>>;
  /** A form, or a value that is sent as JSON. */
  readonly body?: FormData | object;
}

/** Sends a request; resolves with an answer below 400, or rejects with an AppError. */
export type Send = (method: string, path: string, content?: Content) => Promise<Response>;

/** The answer as JSON. */
export type SendForJson = <T>(...request: Parameters<Send>) => Promise<T>;

export const textOf = (value: unknown): string =>
  typeof value === "object" && value !== null ? JSON.stringify(value) : String(value);

/** Entries of `values` as text. */
export const entriesOf = (values: Values): Array<[string, string]> =>
  Object.entries(values)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => [name, textOf(value)]);

/** Makes the function that sends requests to the server at `url`, which may have a path, as behind a proxy. */
export function createSend(
  url: string,
  { key, attempts = 8, fetch = globalThis.fetch }: ClientOptions,
): { send: Send; sendForJson: SendForJson } {
  const base = url.replace(/\/+$/, "");
  const send: Send = async (method, path, { query = {}, headers, body } = {}) => {
    const search = new URLSearchParams(entriesOf(query)).toString();
    const isJson = body !== undefined && !(body instanceof FormData);
    const request: RequestInit = {
      method,
      headers: {
        ...(key !== undefined && { Authorization: `Bearer ${key}` }),
        ...(isJson && { "Content-Type": "application/json" }),
        ...headers,
      },
      ...(body !== undefined && { body: isJson ? JSON.stringify(body) : (body as FormData) }),
    };
    for (let attempt = 1; ; attempt++) {
      const response = await fetch(base + path + (search && `?${search}`), request).catch((error) => {
        throw new AppError("not_ready", `No server answers at ${url}. Start one with: moco-search serve`, {
          cause: error,
        });
      });
      if (response.ok) return response;
      const isBusy = response.status === 503 || response.status === 429;
      if (!isBusy || attempt >= attempts) throw await failureOf(response, url);
      await response.body?.cancel();
      await sleep(Math.min(Number(response.headers.get("Retry-After") ?? 1), 30) * 1000);
    }
  };
  const sendForJson: SendForJson = async (...request) => jsonOf(await send(...request), url);
  return { send, sendForJson };
}

/** Milliseconds. */
export const sleep = (duration: number) => new Promise<void>((resolve) => setTimeout(resolve, duration));

async function jsonOf<T>(response: Response, url: string): Promise<T> {
  try {
    return (await response.json()) as T;
  } catch (cause) {
    throw new AppError("not_found", `Something answers at ${url}, but not as moco-search does. Check the address.`, {
      cause,
    });
  }
}

/** The server's problem (RFC 9457) as an AppError with the same code. */
async function failureOf(response: Response, url: string): Promise<AppError> {
  const { code, title, detail } = await jsonOf<Problem>(response, url);
  return new AppError(code in ERRORS ? code : "internal", `${title}: ${detail}`);
}
