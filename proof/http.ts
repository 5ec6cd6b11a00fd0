// The few requests that the proof makes. A call rejects with a RequestError unless the answer has the expected status.
import type { ServerRecord } from "../server/domain/server.ts";

/** An answer that was not expected, or none. */
export class RequestError extends Error {
  /** What was asked, such as "POST /v1/images", and the address of the server. */
  readonly request: { readonly asked: string; readonly server: string };

  constructor(message: string, request: RequestError["request"]) {
    super(message);
    this.request = request;
  }
}

export interface Match {
  readonly id: string;
  readonly score: number;
  readonly metadata: Metadata;
}

/** Metadata of the proof's images: the picture's number, and a note that clients change. */
export interface Metadata {
  readonly picture: number;
  readonly note?: number;
}

export interface Answer {
  readonly generation: number;
  readonly model: { readonly name: string };
  readonly matches: readonly Match[];
}

export interface SwapAnswer {
  readonly id: string;
  readonly state: string;
  readonly error?: { readonly detail: string };
}

/** A request that takes longer than this has failed. */
const ANSWER_MS = 300_000;

/** Calls to the server that is at `url()` now, with an API key where one is given. */
export function createHttp(url: () => string, key?: string) {
  const call = async (method: string, path: string, status: number, body?: FormData | object): Promise<unknown> => {
    const isForm = body instanceof FormData;
    // Each has a connection of its own: one that is used again may just be closing on the other side.
    const headers = new Headers({ Connection: "close", ...(key && { Authorization: `Bearer ${key}` }) });
    if (body && !isForm) headers.set("Content-Type", "application/json");
    const init: RequestInit = { method, headers, signal: AbortSignal.timeout(ANSWER_MS) };
    if (body) init.body = isForm ? body : JSON.stringify(body);
    const asked = `${method} ${path}`;
    const server = url();
    const failed = (why: string) => new RequestError(`${asked}: ${why}`, { asked, server });
    const response = await fetch(new URL(path, server), init).catch((error) => {
      throw failed(error.cause?.code ?? `${error}`);
    });
    const text = await response.text().catch((error) => {
      throw failed(`${error}`);
    });
    if (response.status !== status) throw failed(`${response.status} ${text}`);
    return text ? JSON.parse(text) : undefined;
  };
  const form = (files: readonly Buffer[], fields: Record<string, unknown>) => {
    const body = new FormData();
    for (const file of files) body.append("image", new Blob([new Uint8Array(file)]), "image.png");
    for (const [name, value] of Object.entries(fields)) body.append(name, JSON.stringify(value));
    return body;
  };
  return {
    /** Returns the ids in the order of the files. */
    async upload(files: readonly Buffer[], metadata: readonly object[]): Promise<string[]> {
      const { images } = (await call("POST", "/v1/images", 201, form(files, { metadata }))) as {
        images: Array<{ id: string }>;
      };
      if (images.length !== files.length) throw new Error("POST /v1/images: not every file was stored");
      return images.map(({ id }) => id);
    },
    remove: async (id: string): Promise<void> => void (await call("DELETE", `/v1/images/${id}`, 204)),
    change: async (id: string, note: number): Promise<void> =>
      void (await call("PATCH", `/v1/images/${id}`, 200, { metadata: { note } })),
    search: async (file: Buffer, k: number): Promise<Answer> =>
      (await call("POST", "/v1/search", 200, form([file], { k }))) as Answer,
    searchJson: async (query: { id: string } | { vector: number[] }, k: number): Promise<Answer> =>
      (await call("POST", "/v1/search", 200, { ...query, k })) as Answer,
    /** Exact search by a vector among the images of one picture. */
    searchPicture: async (vector: number[], picture: number): Promise<Answer> => {
      const filter = { field: "picture", eq: picture };
      return (await call("POST", "/v1/search", 200, { vector, k: 20, filter })) as Answer;
    },
    async embed(file: Buffer): Promise<{ model: { name: string }; embedding: number[] }> {
      const { model, embeddings } = (await call("POST", "/v1/embeddings", 200, form([file], {}))) as {
        model: { name: string };
        embeddings: number[][];
      };
      return { model, embedding: embeddings[0]! };
    },
    async list(): Promise<Array<{ id: string; metadata: Metadata }>> {
      const images: Array<{ id: string; metadata: Metadata }> = [];
      for (let cursor = ""; ; ) {
        const query = cursor ? `&cursor=${cursor}` : "";
        const page = (await call("GET", `/v1/images?limit=1000${query}`, 200)) as {
          images: typeof images;
          nextCursor?: string;
        };
        images.push(...page.images);
        if (!page.nextCursor) return images;
        cursor = page.nextCursor;
      }
    },
    async activeModel(): Promise<string> {
      return ((await call("GET", "/v1/models", 200)) as { active: { card: { name: string } } }).active.card.name;
    },
    async activate(name: string): Promise<SwapAnswer> {
      return ((await call("POST", `/v1/models/${name}/activate`, 202)) as { swap: SwapAnswer }).swap;
    },
    async rollback(): Promise<SwapAnswer> {
      return ((await call("POST", "/v1/rollback", 202)) as { swap: SwapAnswer }).swap;
    },
    servers: async (): Promise<ServerRecord[]> =>
      ((await call("GET", "/v1/servers", 200)) as { servers: ServerRecord[] }).servers,
    swap: async (id: string): Promise<SwapAnswer> => (await call("GET", `/v1/swaps/${id}`, 200)) as SwapAnswer,
  };
}

export type Http = ReturnType<typeof createHttp>;
