// A search as the server takes it: by id, by file, or by a vector that examples have moved.
import { combine, createEmbedder } from "./refine.js";

/**
 * @typedef {object} Question
 * @property {{ id?: string, file?: Blob }} query A stored image or an image file.
 * @property {(() => Promise<Blob>) | undefined} part Crops the part of the query that is meant; undefined for all of it.
 * @property {number} k
 * @property {object | undefined} filter
 * @property {string[]} more Ids of examples of "more like".
 * @property {string[]} less
 * @property {AbortSignal} signal
 */

/** Makes what asks the server; it remembers embeddings, so a change of model needs a new one. */
export function createAsker(api) {
  const embed = createEmbedder(api);

  /**
   * @param {Question} question
   * @returns The server's answer; with examples also `embeddedBy`, the SHA-256 of the model that embedded them.
   */
  return async function ask({ query, part, k, filter, more, less, signal }) {
    const file = async () => (part ? part() : (query.file ?? api.content(query.id)));
    if (more.length + less.length > 0) {
      const example = (id) => ({ key: id, file: () => api.content(id) });
      const key = part ? `part ${performance.now()}` : (query.id ?? "query");
      const { sha256, embeddings } = await embed([{ key, file }, ...more.map(example), ...less.map(example)]);
      const [first, ...others] = embeddings;
      const vector = combine(first, others.slice(0, more.length), others.slice(more.length));
      return { ...(await api.post("/v1/search", { json: { vector, k, filter }, signal })), embeddedBy: sha256 };
    }
    if (query.id && !part) return api.post("/v1/search", { json: { id: query.id, k, filter }, signal });
    const form = new FormData();
    form.append("image", await file(), "query");
    form.append("k", String(k));
    if (filter) form.append("filter", JSON.stringify(filter));
    return api.post("/v1/search", { form, signal });
  };
}
