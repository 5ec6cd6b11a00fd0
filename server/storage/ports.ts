// What the server asks of a storage backend. Everything is asynchronous, nothing names a driver, a path or a bucket,
// and each write is a named commit: one transaction inside the backend, durable when its promise resolves.
//
// A commit that changes vectors raises the catalogue's sequence number by one. An index follows these changes in the
// order of their numbers, so index and catalogue are compared at a sequence number, not at a point in time.
import type { Readable } from "node:stream";
import type { ModelCard } from "../../core/model-card.ts";
import type { ApiKeyRecord, Role } from "../domain/api-key.ts";
import type { Content, Embedding, Found } from "../domain/content.ts";
import type { Filter } from "../domain/filter.ts";
import type { GenerationRecord } from "../domain/generation.ts";
import type {
  FilteredImage,
  Image,
  ImageMatch,
  ImageOrder,
  Metadata,
  NewImage,
  StoredImage,
  UploadKey,
} from "../domain/image.ts";
import type { ServerRecord } from "../domain/server.ts";
import type { SwapError, SwapOptions, SwapRecord, SwapReport, SwapState } from "../domain/swap.ts";

/** A storage backend, open. */
export interface Storage {
  readonly catalogue: Catalogue;
  readonly vectors: VectorSearch;
  /** The bytes of images. */
  readonly images: Blobs;
  /** The ONNX files of the generations' encoders. */
  readonly models: Blobs;
  /** The servers that share the storage; undefined where it is one server's own. */
  readonly servers?: Servers;
  /** Does not wait for writes under way: end them first. */
  close(): Promise<void>;
}

/** Bytes by their SHA-256 (hex). */
export interface Blobs {
  /**
   * Stores bytes; they are durable when this resolves. Storing the same bytes again is harmless.
   *
   * @throws AppError `storage_full`; nothing is left behind.
   */
  put(sha256: string, bytes: Uint8Array): Promise<void>;
  /**
   * The bytes, or undefined where there are none under this SHA-256.
   *
   * @throws AppError `file_damaged` where their SHA-256 is another.
   */
  get(sha256: string): Promise<Uint8Array | undefined>;
  /** The bytes as a stream, checked before it begins; undefined and errors as {@link Blobs.get}. */
  open(sha256: string): Promise<Readable | undefined>;
  /** Removing what is not there is harmless. */
  remove(sha256: string): Promise<void>;
  /** The SHA-256 of everything that is stored, in any order. */
  list(): AsyncIterable<string>;
}

/** The truth: images, embeddings, generations, swaps and keys. */
export interface Catalogue {
  readonly images: Images;
  readonly contents: Contents;
  readonly embeddings: Embeddings;
  readonly generations: GenerationCatalogue;
  readonly swaps: SwapCatalogue;
  readonly apiKeys: ApiKeys;
  /** Calls `listener` with every change from now on: in order, each exactly once. */
  follow(listener: (change: Change) => void): Promise<Following>;
}

/** What one commit changed about vectors. */
export interface Change {
  /** One more than that of the change before. */
  readonly sequence: number;
  readonly added: ReadonlyArray<Embedding & { readonly encoder: number }>;
  /** Numbers of contents that are gone, with all their embeddings. */
  readonly removed: readonly number[];
}

export interface Following {
  /** The listener gets the changes after this one. What is read from now on contains it and all before it. */
  readonly sequence: number;
  stop(): void;
}

/** What a commit that may change vectors resolves with. */
export interface Committed {
  /** The catalogue's sequence number right after the commit. */
  readonly sequence: number;
}

export interface Images {
  get(id: string): Promise<Image | undefined>;
  /**
   * Images with their numbers, up to `batch` at a time.
   *
   * @param options.order Newest first where it is left out.
   * @param options.after Only those that come after the one of this number, in that order.
   */
  list(options: {
    readonly order?: ImageOrder | undefined;
    readonly after?: number | undefined;
    readonly batch: number;
  }): AsyncIterable<ReadonlyArray<{ readonly number: number; readonly image: Image }>>;
  /** Every image as filters see it, with its number and that of its content, oldest first. */
  each(): AsyncIterable<ReadonlyArray<FilteredImage & { readonly number: number; readonly content: number }>>;
  /** Images with these contents, by content, the oldest first. A content without images is left out. */
  withContents(contents: Iterable<number>): Promise<ReadonlyMap<number, readonly StoredImage[]>>;
  /** How many images fit the filter; all of them without one. */
  count(filter?: Filter): Promise<number>;
  /** What was sent under this key at this place in the last 24 hours, and the image that it became. */
  uploaded(key: Pick<UploadKey, "key" | "position">): Promise<{ content: string; image: Image } | undefined>;

  /**
   * Adds an image, its embeddings (by encoder) and the key of its upload. Where its bytes are stored already it shares
   * their content and what embeddings that has.
   *
   * Refused, with nothing written, where the content would lack the embedding of the generation that is active at that
   * moment.
   */
  add(
    image: NewImage,
    embeddings: ReadonlyMap<number, Float32Array>,
    key?: UploadKey,
  ): Promise<AddedImage | { readonly lacking: GenerationRecord }>;
  /**
   * Replaces the metadata of an image with what `change` returns for it; undefined where there is no such image.
   *
   * @param change Must have no side effects: a backend may call it again. Where it throws, nothing is written.
   */
  changeMetadata(id: string, change: (metadata: Metadata) => Metadata): Promise<Image | undefined>;
  /** Removes an image; content and embeddings go with its last image. Undefined where there is no such image. */
  remove(id: string): Promise<RemovedImage | undefined>;
}

export interface AddedImage extends Committed {
  readonly image: Image;
  /** Number of its content. */
  readonly content: number;
  /** Number of the generation that was active when the image was added. Undefined before the first one. */
  readonly generation: number | undefined;
}

export interface RemovedImage extends Committed {
  /** The content, where this was its last image. */
  readonly content?: Content;
}

export interface Contents {
  /** The content of an image. */
  ofImage(id: string): Promise<Content | undefined>;
  /** The number of the content with these bytes. */
  number(sha256: string): Promise<number | undefined>;
  /** Which of these SHA-256 (hex) are stored. */
  known(sha256s: readonly string[]): Promise<string[]>;
  /** SHA-256 by number; numbers that are gone are left out. */
  sha256s(numbers: Iterable<number>): Promise<Map<number, string>>;
  /** Numbers of contents that two or more images share, in ascending order. */
  ofSeveralImages(): Promise<number[]>;
  /** Numbers of up to `limit` contents, spread evenly over all; the same ones each time. */
  sample(limit: number): Promise<number[]>;
  count(): Promise<number>;
}

export interface Embeddings {
  get(encoder: number, content: number): Promise<Float32Array | undefined>;
  /** All embeddings of an encoder, by content in ascending order; up to `batch` at a time. */
  list(encoder: number, batch: number): AsyncIterable<readonly Embedding[]>;
  /**
   * Contents without an embedding of the encoder, in ascending order; up to `batch` at a time. Where several servers
   * ask, a backend lends each batch to one of them.
   */
  lacking(encoder: number, batch: number): AsyncIterable<readonly Content[]>;
  /** How many contents there are and how many of them have an embedding of the encoder, at one sequence number. */
  tally(encoder: number): Promise<Committed & { readonly contents: number; readonly embedded: number }>;

  /** Adds embeddings of an encoder. Contents that are gone or have their embedding already are skipped. */
  add(encoder: number, embeddings: readonly Embedding[]): Promise<Committed>;
  /**
   * Deletes embeddings of encoders that no generation in use has; returns how many. Up to `limit` of them, where
   * deleting many at once would hold up others.
   */
  forgetUnused(limit: number): Promise<number>;
}

export interface GenerationCatalogue {
  get(number: number): Promise<GenerationRecord | undefined>;
  /** The newest generation in this state; there is at most one `active` and one `retired`. */
  inState(state: GenerationRecord["state"]): Promise<GenerationRecord | undefined>;
  /** SHA-256 of the ONNX files that a generation may still be opened from. */
  modelsInUse(): Promise<ReadonlySet<string>>;
  /** Encoders that no generation uses any more. */
  unusedEncoders(): Promise<number[]>;

  /** The first generation, active at once. Where one is active already that one is returned. */
  addFirst(card: ModelCard): Promise<GenerationRecord>;
}

/** Swaps. Commits about a swap that has ended are refused with AppError `swap_finished`. */
export interface SwapCatalogue {
  get(id: string): Promise<SwapRecord | undefined>;
  /** The swap that has not ended: at most one. */
  running(): Promise<SwapRecord | undefined>;
  /** Up to `limit` swaps, the newest first. */
  newest(limit: number): Promise<SwapRecord[]>;

  /**
   * Begins a swap from the active generation to a new one of this card, in the state `loading`.
   *
   * @throws AppError `swap_in_progress`, `not_ready` where no generation is active, `model_active` where the card's
   *   encoder is the active one (see `checkReplaces`).
   */
  begin(card: ModelCard, options: SwapOptions): Promise<SwapRecord>;
  /**
   * Begins a swap back to the generation that was active before. It goes on without images whose files are damaged.
   *
   * @throws AppError `no_previous_generation`, and as {@link SwapCatalogue.begin}.
   */
  beginRollback(): Promise<SwapRecord>;
  enter(id: string, state: SwapState): Promise<void>;
  report(id: string, report: SwapReport): Promise<void>;
  /**
   * Lets a swap that waits for approval go on to its switch.
   *
   * @throws AppError `not_in_review` where it does not wait for approval.
   */
  approve(id: string): Promise<SwapRecord>;
  /** Ends a swap without a switch. A generation that was made for it becomes `failed`. */
  end(id: string, state: "failed" | "cancelled", error?: SwapError): Promise<void>;
  /**
   * The switch: the swap's generation becomes active, the active one retired, the retired one gone.
   *
   * False, with nothing changed, where any content lacks the embedding of the swap's generation.
   *
   * @param without Numbers of contents that may lack it. @default none
   */
  switchTo(id: string, without?: ReadonlySet<number>): Promise<boolean>;
}

export interface ApiKeys {
  /** What this key allows; undefined where it is not known. */
  roleOf(key: string): Promise<Role | undefined>;
  list(): Promise<ApiKeyRecord[]>;
  /** Makes a key. It is returned here and cannot be read again. */
  create(role: Role, name: string): Promise<ApiKeyRecord & { readonly key: string }>;
  /** From now on the key is refused, by a running server too. False where there is no such key. */
  revoke(id: string): Promise<boolean>;
}

/** Vector search: one index for each generation. Indexes follow the catalogue on their own. */
export interface VectorSearch {
  /** Opens the index of a generation; it serves after {@link VectorIndex.fill}. */
  open(generation: Pick<GenerationRecord, "number" | "encoder" | "card">): VectorIndex;
  /** Removes what is stored outside the catalogue for encoders that are no longer used. */
  removeUnused(encoders: readonly number[]): Promise<void>;
}

/** What {@link VectorIndex.search} looks for. */
export interface Wanted {
  /** Images at most. */
  readonly limit: number;
  /** Leaves out images with a lower score, −1..1. */
  readonly minScore: number;
  /** Ids of images to leave out. */
  readonly leftOut: ReadonlySet<string>;
  readonly filter?: Filter | undefined;
  /** A content that approximate search must not miss: the one that was searched with. */
  readonly own?: number | undefined;
}

/** The index of one generation. While it does not serve, searching fails with AppError `index_unavailable`. */
export interface VectorIndex {
  readonly isServing: boolean;
  /** Fills the index with all that is stored; it serves from then on. */
  fill(): Promise<void>;
  /** Builds what is built faster over all vectors at once: called when many have come, before searches do. */
  optimise(): Promise<void>;
  /** Resolves once every change up to `sequence` can be found; at once where it does not serve. */
  reached(sequence: number): Promise<void>;
  /**
   * The images nearest to a vector of unit norm, best first. With a filter the result is exact where few images fit.
   *
   * @throws AppError `generation_replaced`, by a backend that several servers share, where another generation is
   *   active by the transaction that searched.
   */
  search(query: Float32Array, wanted: Wanted): Promise<ImageMatch[]>;
  /** The `k` nearest contents, best first. */
  nearest(query: Float32Array, k: number): Promise<Found>;
  /** Waits until it has reached `sequence`; tells how many contents it has then, and at which sequence number. */
  size(sequence: number): Promise<Committed & { readonly contents: number }>;
  /** @param sample Number of searches compared with exact search; each costs one pass over all vectors. */
  inspect(sample: number): Promise<IndexReport>;
  close(): Promise<void>;
}

/** What the gate of a swap checks of an index. */
export interface IndexReport {
  /** Recall of search against exact search with a sample of the stored vectors, 0..1; 1 where there are none. */
  readonly recallAt10: number;
  /** 1 − ‖mean vector‖² over the distinct vectors: 0 where all are the same, towards 1 where they point everywhere. */
  readonly spread: number;
}

/** The servers that share a storage: who is there, who runs swaps, and what all of them must follow. */
export interface Servers {
  /** Says what this server is and has, and asks what it must follow. Who has not said so for `leaseSeconds` is out. */
  beat(self: Pick<ServerRecord, "id" | "url" | "ready" | "generations">): Promise<Course>;
  /** Every server that has been heard of in the last hour, the oldest first. */
  list(): Promise<ServerRecord[]>;
  leave(id: string): Promise<void>;
  /**
   * Makes this server the one that runs swaps; false where another one is that. It lasts until `renew` fails, and what
   * was begun in it cannot be committed once another server has taken over.
   */
  lead(id: string): Promise<boolean>;
  /** False where this server is not the one any more. */
  renew(): Promise<boolean>;
  /**
   * Asks the server that runs a swap to cancel it. From now on it cannot switch, nor be approved.
   *
   * @throws AppError `swap_finished` where it has ended.
   */
  cancel(swap: string): Promise<void>;
  readonly leaseSeconds: number;
}

/** What every server must follow. */
export interface Course {
  /** Number of the generation that answers. */
  readonly active: number | undefined;
  /** Number of the one before it. */
  readonly retired: number | undefined;
  /** The swap that runs, and whether somebody wants it cancelled. */
  readonly swap: (SwapRecord & { readonly cancelled: boolean }) | undefined;
}
