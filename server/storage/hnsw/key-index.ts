// An index of vectors by key: the interface of the approximate and the exact one.

/** One key that was found. */
export interface Match {
  readonly key: number;
  /** Inner product with the query; cosine similarity, as all vectors have unit norm. */
  readonly score: number;
}

/** How full an index is. */
export interface IndexSize {
  /** Keys in the index. */
  readonly keys: number;
  /** Nodes that no key refers to any more; they cost memory and search time until the index is rebuilt. */
  readonly tombstones: number;
}

/** Vectors of unit norm by key (the number of a content), searched by inner product. */
export interface KeyIndex {
  size(): IndexSize;
  /** Adds a key; a key that is in the index already stays as it is. */
  add(key: number, vector: Float32Array): void;
  /** Removes a key; a key that is not in the index is ignored. */
  remove(key: number): void;
  /** The `k` nearest keys, best first; fewer where the index has fewer. */
  search(query: Float32Array, k: number): Match[];
}
