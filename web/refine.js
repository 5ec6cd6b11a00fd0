// "More like these, less like those": moves the query towards and away from examples (Rocchio, 1971).

/** Weights of the mean of the examples beside the query's 1; Rocchio's classic values. */
const MORE = 0.75;
const LESS = 0.15;

/**
 * @param {number[] | undefined} query
 * @param {number[][]} more
 * @param {number[][]} less
 * @returns {number[]} a vector to search with, of any norm.
 */
export function combine(query, more, less) {
  const vector = [...query];
  const add = (examples, weight) => {
    for (const example of examples) {
      for (const [i, value] of example.entries()) vector[i] += (weight * value) / examples.length;
    }
  };
  add(more, MORE);
  add(less, -LESS);
  return vector;
}

/** Embeds images, each once for each model. */
export function createEmbedder(api) {
  /** Key of an image → its embedding; all of the model with this SHA-256. */
  let known = new Map();
  let sha256;

  /** @returns the embeddings of images by key, in order, all of the same model. */
  return async function embed(images) {
    const missing = images.filter(({ key }) => !known.has(key));
    if (missing.length > 0) {
      const form = new FormData();
      for (const { key, file } of missing) form.append("image", await file(), key);
      const answer = await api.post("/v1/embeddings", { form });
      if (sha256 && answer.model.sha256 !== sha256) {
        known = new Map();
        sha256 = undefined;
        return embed(images);
      }
      sha256 = answer.model.sha256;
      for (const [i, { key }] of missing.entries()) known.set(key, answer.embeddings[i]);
    }
    return { sha256, embeddings: images.map(({ key }) => known.get(key)) };
  };
}
