// The collection: what is stored and what is found. The one place that joins decoding, generations and the store; it
// never sees HTTP.
import type { Readable } from "node:stream";
import { AppError } from "../../core/errors.ts";
import { type Filter, matchesFilter } from "../domain/filter.ts";
import { createPreparer } from "../encoder/preparer.ts";
import type { Generation } from "../generation/generation.ts";
import type { Generations } from "../generation/generations.ts";
import type { Store } from "../storage/open.ts";
import type { ImageRecord, Metadata } from "../storage/sqlite/image-records.ts";
import type { UploadKey } from "../storage/sqlite/keyed-uploads.ts";
import { type DuplicateGroup, findDuplicates } from "./duplicates.ts";
import { createImageWriter } from "./image-writer.ts";
import { type ImageMatch, type Query, type SearchOptions, search } from "./search.ts";

/** Who gave an answer: a generation and its model. */
export interface AnsweredBy {
  readonly generation: number;
  readonly model: { readonly name: string; readonly version: string; readonly sha256: string };
}

/** A page of images, newest first; `next` is the cursor of the following page. */
export interface ImagePage {
  readonly images: ImageRecord[];
  readonly next?: number;
}

/** An image whose bytes are in memory only while they are used. */
export interface ImageToEmbed {
  use<T>(action: (bytes: Uint8Array) => Promise<T>): Promise<T>;
}

export interface Collection {
  /**
   * Embeds images without storing them: one row of unit norm each.
   *
   * @throws AppError of the first image that cannot be embedded.
   */
  embed(images: readonly ImageToEmbed[]): Promise<AnsweredBy & { dimensions: number; embeddings: Float32Array[] }>;
  /**
   * Stores an image: when this returns, file, records and embeddings are on disk and the image can be found.
   *
   * @throws AppError of decoding, `no_embedding`, `overloaded`, `encoder_unavailable`, `storage_full`; then nothing of
   *   the image is stored.
   * @param key Of an upload that may be sent again: then it is stored once, and each time answered the same.
   */
  add(bytes: Uint8Array, metadata: Metadata, key?: UploadKey): Promise<ImageRecord>;
  /** @throws AppError `image_not_found`, here and below. */
  get(id: string): ImageRecord;
  /** Images older than the cursor `before` that fit the filter, newest first. */
  list(limit: number, options?: { before?: number | undefined; filter?: Filter | undefined }): Promise<ImagePage>;
  /** The bytes as they were uploaded. */
  read(id: string): Promise<Buffer>;
  /** {@link Collection.read} as a stream: a client that reads slowly holds a part of them only. */
  open(id: string): Promise<Readable>;
  remove(id: string): Promise<void>;
  /** Replaces the metadata of an image by what `change` makes of it. */
  changeMetadata(id: string, change: (metadata: Metadata) => Metadata): Promise<ImageRecord>;
  /**
   * @param generation The one that gave the pages before, where `offset` continues them.
   * @throws AppError of {@link search}; `cursor_expired` where another generation answers now.
   */
  search(
    query: Query,
    options: SearchOptions & { readonly generation?: number | undefined },
  ): Promise<AnsweredBy & { matches: ImageMatch[]; hasMore: boolean }>;
  /** See {@link findDuplicates}. */
  duplicates(threshold: number): Promise<AnsweredBy & { groups: DuplicateGroup[] }>;
}

/** Images looked at in one turn of the event loop, where a list is filtered. */
const LIST_CHUNK = 500;

/** Makes the collection of a store. */
export function createCollection({ store, generations }: { store: Store; generations: Generations }): Collection {
  const writer = createImageWriter({ store, generations });

  const get = (id: string): ImageRecord => store.images.get(id) ?? throwNotFound(id);

  const list: Collection["list"] = async (limit, { before = Number.MAX_SAFE_INTEGER, filter } = {}) => {
    const size = filter ? LIST_CHUNK : limit + 1;
    const images: ImageRecord[] = [];
    let next = before;
    for (let cursor = before; ; ) {
      const chunk = store.images.before(cursor, size);
      for (const { number, record } of chunk) {
        if (filter && !matchesFilter(filter, record.metadata)) continue;
        // One more than the page holds shows that there is a next one.
        if (images.length === limit) return { images, next };
        images.push(record);
        next = number;
      }
      if (chunk.length < size) return { images };
      cursor = chunk.at(-1)!.number;
      await new Promise(setImmediate);
    }
  };

  return {
    embed: (images) =>
      generations.use(async (generation) => {
        const embeddings = await Promise.all(
          images.map((image) => image.use((bytes) => generation.embed(createPreparer(bytes)))),
        );
        return { ...answeredBy(generation), dimensions: generation.card.dimensions, embeddings };
      }),
    add: (bytes, metadata, key) => generations.use(() => writer.add(bytes, metadata, key)),
    get,
    list,
    read: async (id) => store.files.read(get(id).sha256),
    open: async (id) => store.files.open(get(id).sha256),
    remove: (id) =>
      generations.use(async () => {
        if (!(await writer.remove(id))) throwNotFound(id);
      }),
    changeMetadata: async (id, change) => (await writer.changeMetadata(id, change)) ?? throwNotFound(id),
    search: (query, { generation: expected, ...options }) =>
      generations.use(async (generation) => {
        if (expected !== undefined && expected !== generation.number) {
          throw new AppError(
            "cursor_expired",
            `The cursor is of generation ${expected} but ${generation.number} answers now. Search again from the start.`,
          );
        }
        return { ...answeredBy(generation), ...(await search(query, options, { generation, store })) };
      }),
    duplicates: (threshold) =>
      generations.use(async (generation) => ({
        ...answeredBy(generation),
        groups: await findDuplicates(threshold, { generation, store }),
      })),
  };
}

/** Names a generation in an answer. */
export function answeredBy({ number, card: { name, version, sha256 } }: Generation): AnsweredBy {
  return { generation: number, model: { name, version, sha256 } };
}

function throwNotFound(id: string): never {
  throw new AppError("image_not_found", `There is no image ${JSON.stringify(id)}.`);
}
