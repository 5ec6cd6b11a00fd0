// Sends a search: by a stored image or an image file, with examples that matches should be like and unlike.

/**
 * @typedef {object} Question
 * @property {{ id?: string, file?: Blob }} query A stored image or an image file.
 * @property {(() => Promise<Blob>) | undefined} part Crops the chosen part of the query; undefined for the whole image.
 * @property {number} k
 * @property {object | undefined} filter
 * @property {string[]} more Ids of examples of "more like".
 * @property {string[]} less Ids of examples of "less like".
 * @property {AbortSignal} signal
 */

/**
 * Asks the server.
 *
 * @param {Question} question
 * @returns The server's answer.
 */
export async function ask(api, { query, part, k, filter, more, less, signal }) {
  if (query.id && !part) {
    const hasExamples = more.length + less.length > 0;
    const like = hasExamples ? { positive: [query.id, ...more], negative: less } : { id: query.id };
    return api.post("/v1/search", { json: { ...like, k, filter }, signal });
  }
  const form = new FormData();
  form.append("image", part ? await part() : query.file, "query");
  form.append("k", String(k));
  if (filter) form.append("filter", JSON.stringify(filter));
  if (more.length > 0) form.append("positive", JSON.stringify(more));
  if (less.length > 0) form.append("negative", JSON.stringify(less));
  return api.post("/v1/search", { form, signal });
}
