// The collection: store images, read them, search them. The one place that joins decoding, generations and the storage;
// it never sees HTTP.
import type { Readable } from "node:stream";
import { AppError } from "../../core/errors.ts";
import type { Decoder } from "../decoding/decoder.ts";
import { createPreparer } from "../decoding/preparer.ts";
import { type Filter, matchesFilter } from "../domain/filter.ts";
import { type AnsweredBy, answeredBy } from "../domain/generation.ts";
import type { Image, ImageMatch, ImageOrder, Metadata } from "../domain/image.ts";
import type { Clicks, Pictured } from "../domain/shape.ts";
import type { Generations } from "../generation/generations.ts";
import type { Storage } from "../storage/ports.ts";
import { openArchive } from "./archive/archive.ts";
import { createDuplicateThreshold } from "./duplicate-threshold.ts";
import { type DuplicateGroup, findDuplicates } from "./duplicates.ts";
import { countFacets, type FacetsWanted } from "./facets.ts";
import { createImageWriter, type PlaceInUpload } from "./image-writer.ts";
import { createKeyedLock } from "./keyed-lock.ts";
import { type Query, type SearchOptions, search } from "./search.ts";
import { findSegment, type Segment } from "./shapes.ts";
import { getImage, readStoredFile, storedBytes, throwNotFound } from "./stored-file.ts";
import { createThumbnails } from "./thumbnails.ts";

/** A page of images; the following page comes after the number `next`. */
export interface ImagePage {
  readonly images: Image[];
  readonly next?: number;
}

/** Which images a list has. */
interface ListOptions {
  /** @default "newest" */
  readonly order?: ImageOrder | undefined;
  readonly after?: number | undefined;
  readonly filter?: Filter | undefined;
}

/** An image whose bytes are in memory only while they are used. */
export interface ImageToEmbed {
  use<T>(action: (bytes: Uint8Array) => Promise<T>): Promise<T>;
}

export interface Collection {
  /**
   * Embeds images without storing them: one embedding of unit norm for each.
   *
   * @throws AppError of the first image that cannot be embedded.
   */
  embed(images: readonly ImageToEmbed[]): Promise<AnsweredBy & { dimensions: number; embeddings: Float32Array[] }>;
  /**
   * Stores an image: when this returns, file, records and embeddings are on disk and the image can be found.
   *
   * @param place The file's place in an upload with an Idempotency-Key: however often the upload is sent, the image is
   *   stored once and the answer stays the same.
   * @throws AppError where the image cannot be decoded, and `no_embedding`, `overloaded`, `encoder_unavailable`,
   *   `not_ready`, `idempotency_key_reused`, `storage_full`; nothing of the image is stored then.
   */
  add(bytes: Uint8Array, metadata: Metadata, place?: PlaceInUpload): Promise<Image>;
  /** @throws AppError `image_not_found`, here and below. */
  get(id: string): Promise<Image>;
  /** Which of these SHA-256 (hex) are stored. */
  known(sha256s: readonly string[]): Promise<string[]>;
  /** Images that fit the filter, in their order; `after` is the `next` of the page before. */
  list(limit: number, options?: ListOptions): Promise<ImagePage>;
  /** How many images fit the filter; all of them without one. */
  count(filter?: Filter): Promise<number>;
  /**
   * A JPEG or a WebP of at most `size` pixels on its longer side; see `makeThumbnail`.
   *
   * @throws AppError of decoding, and `file_damaged` where the file is missing or damaged.
   */
  thumbnail(image: Image, size: number): Promise<Uint8Array>;
  /** The bytes as they were uploaded, as a stream, so that a slow client does not keep the whole file in memory. */
  open(id: string): Promise<Readable>;
  /** The files of several images as a zip; see {@link openArchive}. */
  archive(ids: readonly string[]): Promise<Readable>;
  remove(id: string): Promise<void>;
  /** Replaces the metadata of an image with what `change` returns for it. */
  changeMetadata(id: string, change: (metadata: Metadata) => Metadata): Promise<Image>;
  /**
   * @param options.generation Number of the generation that gave the earlier pages, where `offset` continues them.
   * @throws AppError of {@link search}; `cursor_expired` where another generation answers now.
   */
  search(
    query: Query,
    options: SearchOptions & { readonly generation?: number | undefined },
  ): Promise<AnsweredBy & { matches: ImageMatch[]; hasMore: boolean }>;
  /**
   * The shape of a thing that was clicked on in a file or a stored image.
   *
   * @throws AppError of {@link findSegment}; `image_not_found`, and `file_damaged` where a stored file is missing or
   *   damaged.
   */
  segment(pictured: Pictured, clicks: Clicks): Promise<Segment>;
  /** See {@link countFacets}. One count at a time, as each may keep tens of megabytes of values. */
  facets(wanted: FacetsWanted): ReturnType<typeof countFacets>;
  /** See {@link findDuplicates}. @param threshold Default: as {@link createDuplicateThreshold} measures it. */
  duplicates(threshold?: number): Promise<AnsweredBy & { threshold: number; groups: DuplicateGroup[] }>;
}

/** Images read at a time when a list is filtered. */
const LIST_BATCH = 500;

/** What the collection works on. */
export interface CollectionDeps {
  readonly storage: Pick<Storage, "catalogue" | "images">;
  readonly generations: Generations;
  readonly decoder: Decoder;
  /** Where several servers share the storage: which generation answers is the storage's to say. */
  readonly cluster?:
    | {
        /** Lets the generation answer that is active by the storage. */
        refresh(): Promise<void>;
        /** Resolves once another generation than this answers here. */
        catchUp(from: number): Promise<void>;
      }
    | undefined;
}

/** Makes the collection of a storage. */
export function createCollection({ storage, generations, decoder, cluster }: CollectionDeps): Collection {
  const { catalogue } = storage;
  const lock = createKeyedLock();
  const duplicateThreshold = createDuplicateThreshold({ storage, decoder });
  const writer = createImageWriter({ storage, generations, decoder });

  const get = (id: string) => getImage(id, catalogue);
  const open = (id: string) => readStoredFile(id, catalogue, ({ sha256 }) => storage.images.open(sha256));

  const list: Collection["list"] = async (limit, { filter, ...rest } = {}) => {
    const images: Image[] = [];
    let next: number | undefined;
    for await (const batch of catalogue.images.list({ ...rest, batch: filter ? LIST_BATCH : limit + 1 })) {
      for (const { number, image } of batch) {
        if (filter && !matchesFilter(filter, image)) continue;
        // An image beyond the last of the page shows that there is a next page.
        if (images.length === limit) return { images, ...(next !== undefined && { next }) };
        images.push(image);
        next = number;
      }
    }
    return { images };
  };

  /** Pins a request to the generation that is active when it begins. */
  const use: Generations["use"] = async (action) => {
    await cluster?.refresh();
    return generations.use(action);
  };

  /** {@link search} in the generation that is active by the transaction that searches. */
  const searchPinned: Collection["search"] = async (query, { generation: expected, ...options }) => {
    for (;;) {
      const { number } = generations.active();
      try {
        return await generations.use(async (generation) => {
          if (expected !== undefined && expected !== generation.number) {
            throw new AppError(
              "cursor_expired",
              `The cursor is of generation ${expected} but ${generation.number} answers now. Search again from the start.`,
            );
          }
          return { ...answeredBy(generation), ...(await search(query, options, { generation, storage, decoder })) };
        });
      } catch (error) {
        if (!cluster || !(error instanceof AppError && error.code === "generation_replaced")) throw error;
        await cluster.catchUp(number);
      }
    }
  };

  return {
    embed: (images) =>
      use(async (generation) => {
        const embeddings = await Promise.all(
          images.map((image) => image.use((bytes) => generation.embed(createPreparer(decoder, bytes)))),
        );
        return { ...answeredBy(generation), dimensions: generation.card.dimensions, embeddings };
      }),
    add: (bytes, metadata, place) => generations.use(() => writer.add(bytes, metadata, place)),
    get,
    known: (sha256s) => storage.catalogue.contents.known(sha256s),
    list,
    count: (filter) => catalogue.images.count(filter),
    thumbnail: createThumbnails({ storage, decoder }),
    open,
    archive: (ids) => openArchive(ids, { get, open }),
    remove: (id) =>
      generations.use(async () => {
        if (!(await writer.remove(id))) throwNotFound(id);
      }),
    changeMetadata: async (id, change) => (await catalogue.images.changeMetadata(id, change)) ?? throwNotFound(id),
    search: searchPinned,
    segment: (pictured, clicks) =>
      use(async (generation) => {
        const image = "image" in pictured ? pictured.image : await storedBytes(pictured.id, storage);
        return findSegment(image, clicks, { generation, decoder });
      }),
    facets: (wanted) => lock("facets", () => countFacets(wanted, catalogue.images)),
    duplicates: (given) =>
      use(async (generation) => {
        const threshold = given ?? (await duplicateThreshold(generation));
        return {
          ...answeredBy(generation),
          threshold,
          groups: await findDuplicates(threshold, { generation, storage }),
        };
      }),
  };
}
