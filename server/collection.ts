// The collection: what is stored and what is found. The one place that joins decoding, generations and the store; it
// never sees HTTP.
import { AppError } from "../core/errors.ts";
import { normalised } from "../core/vector.ts";
import type { Generation } from "./generation/generation.ts";
import type { Generations } from "./generation/generations.ts";
import { createPreparer } from "./generation/preparer.ts";
import { createImageWriter } from "./image-writer.ts";
import type { FoundKeys } from "./index/index-worker.ts";
import type { ImagePage, ImageRecord, Metadata } from "./store/image-records.ts";
import type { Store } from "./store/store.ts";

/** Who gave an answer: a generation and its model. */
export interface AnsweredBy {
  readonly generation: number;
  readonly model: { readonly name: string; readonly version: string; readonly sha256: string };
}

/** What to search with: an image file, a stored image (which is left out of the matches), or a vector of any norm. */
export type Query = { readonly image: Uint8Array } | { readonly id: string } | { readonly vector: readonly number[] };

export interface SearchOptions {
  /** Matches at most, 1..1000. */
  readonly k: number;
  /** Leaves out matches with a lower cosine similarity, −1..1. */
  readonly minScore?: number | undefined;
}

export interface ImageMatch {
  readonly id: string;
  /** Cosine similarity, −1..1. */
  readonly score: number;
  readonly metadata: Metadata;
}

export interface Collection {
  /**
   * Embeds images without storing them: one row of unit norm each.
   *
   * @throws AppError of the first image that cannot be embedded.
   */
  embed(images: readonly Uint8Array[]): Promise<AnsweredBy & { dimensions: number; embeddings: Float32Array[] }>;
  /**
   * Stores an image: when this returns, file, records and embeddings are on disk and the image can be found.
   *
   * @throws AppError of decoding, `no_embedding`, `overloaded`, `encoder_unavailable`, `storage_full`; then nothing of
   *   the image is stored.
   */
  add(bytes: Uint8Array, metadata: Metadata): Promise<ImageRecord>;
  /** @throws AppError `image_not_found`, here and below. */
  get(id: string): ImageRecord;
  /** Images older than the cursor `before`, newest first. */
  list(limit: number, before?: number): ImagePage;
  /** The bytes as they were uploaded. */
  read(id: string): Promise<{ image: ImageRecord; bytes: Buffer }>;
  remove(id: string): Promise<void>;
  /** @throws AppError `invalid_vector`, and what embedding throws. */
  search(query: Query, options: SearchOptions): Promise<AnsweredBy & { matches: ImageMatch[] }>;
}

/** Searches for one query, where images are deleted meanwhile. */
const MAX_ATTEMPTS = 5;

/** Makes the collection of a store. */
export function createCollection({ store, generations }: { store: Store; generations: Generations }): Collection {
  const writer = createImageWriter({ store, generations });

  const get = (id: string): ImageRecord => store.images.get(id) ?? throwNotFound(id);

  /** The query as a vector of unit norm. */
  const embedQuery = async (query: Query, generation: Generation): Promise<Float32Array> => {
    if ("image" in query) return generation.embed(createPreparer(query.image), "live");
    if ("vector" in query) return checkVector(query.vector, generation.card.dimensions);
    const content = store.images.contentOf(query.id) ?? throwNotFound(query.id);
    const stored = store.embeddings.get(generation.encoder, content.number);
    return stored ?? generation.embed(createPreparer(await store.files.read(content.sha256)), "live");
  };

  /** The images of found contents, and whether a content has none any more. */
  const imagesOf = (
    { keys, scores }: FoundKeys,
    { k, minScore, leftOut }: { k: number; minScore: number; leftOut: string | undefined },
  ): { matches: ImageMatch[]; vanished: boolean } => {
    const matches: ImageMatch[] = [];
    let vanished = false;
    for (const [i, content] of keys.entries()) {
      const score = scores[i]!;
      if (score < minScore || matches.length === k) break;
      const images = store.images.withContent(content);
      if (images.length === 0) vanished = true;
      for (const { id, metadata } of images) {
        if (id !== leftOut && matches.length < k) matches.push({ id, score, metadata });
      }
    }
    return { matches, vanished };
  };

  return {
    embed: (images) =>
      generations.use(async (generation) => {
        const embeddings = await Promise.all(images.map((bytes) => generation.embed(createPreparer(bytes), "live")));
        return { ...answeredBy(generation), dimensions: generation.card.dimensions, embeddings };
      }),
    add: (bytes, metadata) => generations.use(() => writer.add(bytes, metadata)),
    get,
    list: (limit, before) => store.images.list(limit, before),
    async read(id) {
      const image = get(id);
      return { image, bytes: await store.files.read(image.sha256) };
    },
    remove: (id) =>
      generations.use(async () => {
        if (!(await writer.remove(id))) throwNotFound(id);
      }),
    search: (query, { k, minScore = -1 }) =>
      generations.use(async (generation) => {
        const vector = await embedQuery(query, generation);
        const leftOut = "id" in query ? query.id : undefined;
        // Images may be deleted between the index's answer and ours. Then the index is asked again, so that the next
        // nearest take their places.
        for (let attempt = 1; ; attempt++) {
          const found = await generation.index.search(vector, leftOut === undefined ? k : k + 1);
          const { matches, vanished } = imagesOf(found, { k, minScore, leftOut });
          if (!vanished || attempt === MAX_ATTEMPTS) return { ...answeredBy(generation), matches };
        }
      }),
  };
}

/** Names a generation in an answer. */
export function answeredBy({ number, card: { name, version, sha256 } }: Generation): AnsweredBy {
  return { generation: number, model: { name, version, sha256 } };
}

function throwNotFound(id: string): never {
  throw new AppError("image_not_found", `There is no image ${JSON.stringify(id)}.`);
}

function checkVector(values: readonly number[], dimensions: number): Float32Array {
  if (values.length !== dimensions) {
    throw new AppError("invalid_vector", `Expected a vector of ${dimensions} numbers but received ${values.length}.`);
  }
  const vector = normalised(Float32Array.from(values));
  if (!vector.every(Number.isFinite) || vector.every((value) => value === 0)) {
    throw new AppError("invalid_vector", "Expected a vector of finite numbers that are not all 0.");
  }
  return vector;
}
