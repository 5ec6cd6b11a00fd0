// A content is one distinct sequence of bytes; an image is one upload of a content. Embeddings belong to contents, so
// the same bytes uploaded twice share file and embedding.
import { z } from "zod";

export const contentSchema = z.strictObject({
  /** The content's key in indexes. Never reused after a delete. */
  number: z.int().positive(),
  /** SHA-256 of the bytes, hex. */
  sha256: z.string(),
  /** Size of the file. */
  bytes: z.int(),
});

export type Content = Readonly<z.infer<typeof contentSchema>>;

/** Embedding of one content. */
export interface Embedding {
  /** Number of the content. */
  readonly content: number;
  /** [D], unit norm. */
  readonly vector: Float32Array;
}

/** Contents that a search found, best first. */
export interface Found {
  readonly contents: readonly number[];
  /** Inner products with the query; cosine similarities, as all vectors have unit norm. */
  readonly scores: readonly number[];
}
