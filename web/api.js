// The page's client of the server's HTTP interface.

const KEY = "moco-search-key";

/** An error that the server answered, or that it did not answer. */
export class ProblemError extends Error {
  /** @param {{ code: string, status: number, title: string, detail?: string, retryAfter?: number }} problem */
  constructor({ code, status, title, detail, retryAfter }) {
    super(detail ?? title);
    this.name = "ProblemError";
    this.code = code;
    this.status = status;
    this.title = title;
    /** Seconds after which to try again; undefined if trying again makes no sense. */
    this.retryAfter = retryAfter;
  }
}

/**
 * Makes the client.
 *
 * @param {object} hooks
 * @param {(about: { refused: boolean }) => Promise<string | undefined>} hooks.askForKey Asks the user for an API key;
 *   `refused`: the previous one was not accepted.
 * @param {(answer: any) => void} hooks.answered Called with every JSON answer; those of searches name generation and
 *   model.
 * @param {(problem: ProblemError) => void} hooks.failed Called with every failure.
 */
export function createApi({ askForKey, answered, failed }) {
  let asking;

  const request = async (method, path, { json, form, ...options } = {}) => {
    const headers = new Headers();
    const key = sessionStorage.getItem(KEY);
    if (key) headers.set("Authorization", `Bearer ${key}`);
    if (json) headers.set("Content-Type", "application/json");
    const body = json ? JSON.stringify(json) : form;
    let response;
    try {
      response = await fetch(path, { method, headers, body, ...options });
    } catch (error) {
      if (options.signal?.aborted) throw error;
      throw new ProblemError({
        code: "unreachable",
        status: 0,
        title: "The server does not answer",
        detail: "The server does not answer. Is it still running?",
      });
    }
    if (response.ok) return response;
    if (response.status === 401) {
      asking ??= askForKey({ refused: Boolean(key) }).finally(() => {
        asking = undefined;
      });
      const given = await asking;
      if (given) {
        sessionStorage.setItem(KEY, given);
        return request(method, path, { json, form, ...options });
      }
    }
    const problem = await response.json().catch(() => ({ title: response.statusText }));
    const retryAfter = Number(response.headers.get("Retry-After")) || undefined;
    throw new ProblemError({ code: "unknown", ...problem, status: response.status, retryAfter });
  };

  const told = async (method, path, options) => {
    try {
      return await request(method, path, options);
    } catch (error) {
      if (error instanceof ProblemError) failed(error);
      throw error;
    }
  };

  const call = async (method, path, options) => {
    const response = await told(method, path, options);
    const answer = response.status === 204 ? undefined : await response.json();
    answered(answer);
    return answer;
  };

  return {
    get: (path, options) => call("GET", path, options),
    post: (path, options) => call("POST", path, options),
    delete: (path, options) => call("DELETE", path, options),
    /** Yields the data of server-sent events. Uses fetch, as EventSource cannot send a key. */
    async *events(path) {
      const { body } = await told("GET", path);
      const reader = body.pipeThrough(new TextDecoderStream()).getReader();
      let text = "";
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return;
        const parts = (text + value).split("\n\n");
        text = parts.pop();
        for (const part of parts) if (part.startsWith("data: ")) yield JSON.parse(part.slice("data: ".length));
      }
    },
    /** The file of a stored image. */
    content: async (id) => (await told("GET", contentPath(id))).blob(),
    /**
     * Shows a stored image.
     *
     * @param {number} size Longest side in pixels.
     */
    async showImage(img, id, size) {
      const path = `${contentPath(id)}?size=${size}`;
      if (!sessionStorage.getItem(KEY)) {
        img.src = path;
        return;
      }
      const address = URL.createObjectURL(await (await request("GET", path)).blob());
      img.addEventListener("load", () => URL.revokeObjectURL(address), { once: true });
      img.src = address;
    },
  };
}

/** @param {string} id */
function contentPath(id) {
  return `/v1/images/${encodeURIComponent(id)}/content`;
}
