// Adds and removes images: file, records, embeddings and indexes together, or not at all.
import { readImageInfo } from "../../core/decode.ts";
import { AppError } from "../../core/errors.ts";
import { sha256 } from "../../core/hash.ts";
import { createPreparer } from "../encoder/preparer.ts";
import type { Generation } from "../generation/generation.ts";
import type { Generations } from "../generation/generations.ts";
import type { Store } from "../storage/open.ts";
import type { ImageRecord, Metadata, NewImage } from "../storage/sqlite/image-records.ts";
import type { UploadKey } from "../storage/sqlite/keyed-uploads.ts";
import { createKeyedLock } from "./keyed-lock.ts";

export interface ImageWriter {
  /** Stores an image; see `Collection.add`. */
  add(bytes: Uint8Array, metadata: Metadata, key?: UploadKey): Promise<ImageRecord>;
  /** Changes the metadata of an image; undefined where there is no such image. */
  changeMetadata(id: string, change: (metadata: Metadata) => Metadata): Promise<ImageRecord | undefined>;
  /** Deletes an image, and the file where no other image has its bytes. False where there is no such image. */
  remove(id: string): Promise<boolean>;
}

/** Makes the writer of a store. */
export function createImageWriter({ store, generations }: { store: Store; generations: Generations }): ImageWriter {
  // Uploads and deletes of the same bytes take turns: the file must be there exactly when a record is.
  const lock = createKeyedLock();

  /**
   * Embeds the image with every open generation and writes it. The active generation must have the embedding at the
   * moment of the commit: where another became active meanwhile, that one embeds the image too. Which one is active is
   * read from the database: a switch may stand before this write in the same transaction.
   */
  const embedAndWrite = async (bytes: Uint8Array, image: NewImage, key?: UploadKey): Promise<ImageRecord> => {
    const prepare = createPreparer(bytes);
    const embeddings = new Map<number, Float32Array>();
    const lacks = (encoder: number) => !embeddings.has(encoder) && !hasStored(image.sha256, encoder);
    const embedFor = async (generation: Generation) => {
      try {
        embeddings.set(generation.encoder, await generation.use(() => generation.embed(prepare)));
      } catch (error) {
        // Only the generation that answers can refuse an image; another one gets it from its backfill.
        if (generation === generations.active()) throw error;
      }
    };
    let lacking = generations.open().filter(({ encoder }) => lacks(encoder));
    for (;;) {
      await Promise.all(lacking.map(embedFor));
      if (store.images.contentNumber(image.sha256) === undefined) await store.files.put(image.sha256, bytes);
      const record = await write(image, embeddings, key, () => !lacks(store.generations.activeEncoder()));
      if (record) return record;
      lacking = [generations.active()];
    }
  };

  const hasStored = (sha256: string, encoder: number): boolean => {
    const content = store.images.contentNumber(sha256);
    return content !== undefined && store.embeddings.has(encoder, content);
  };

  /** Resolves when the image is on disk and in the active index; with undefined, and nothing written, unless `mayWrite`. */
  const write = async (
    image: NewImage,
    embeddings: ReadonlyMap<number, Float32Array>,
    key: UploadKey | undefined,
    mayWrite: () => boolean,
  ): Promise<ImageRecord | undefined> => {
    let findable: Promise<void> | undefined;
    const written = await store.write(
      () => {
        if (!mayWrite()) return undefined;
        const added = store.images.add(image);
        for (const [encoder, vector] of embeddings) store.embeddings.add(encoder, { content: added.content, vector });
        if (key) store.keyedUploads.add(key, added.record);
        // Noted inside the transaction: a switch that stands after this write in it must see what its candidate lacks.
        for (const { encoder, missed } of generations.open()) {
          if (!store.embeddings.has(encoder, added.content)) missed.add(added.content);
        }
        return added;
      },
      (added) => {
        if (added) findable = tellIndexes(added.content, embeddings);
      },
    );
    await findable;
    return written?.record;
  };

  /** Resolves when the active index has the content; the others follow on their own. */
  const tellIndexes = (content: number, embeddings: ReadonlyMap<number, Float32Array>): Promise<void> | undefined => {
    const [active] = generations.open().map((generation) => {
      const vector = embeddings.get(generation.encoder);
      return vector && generation.index.add([{ content, vector }]);
    });
    return active;
  };

  const add = async (bytes: Uint8Array, metadata: Metadata, key?: UploadKey): Promise<ImageRecord> => {
    const info = await readImageInfo(bytes);
    const image = { ...info, sha256: sha256(bytes), bytes: bytes.length, metadata };
    return lock(image.sha256, async () => {
      try {
        return await embedAndWrite(bytes, image, key);
      } catch (error) {
        if (store.images.contentNumber(image.sha256) === undefined) await store.files.remove(image.sha256);
        throw error;
      }
    });
  };

  /** As `add`; where the key is known, the image that it stands for. */
  const addOnce = (bytes: Uint8Array, metadata: Metadata, key: UploadKey): Promise<ImageRecord> =>
    lock(`key ${key.position} ${key.key}`, async () => {
      const known = store.keyedUploads.get(key);
      if (!known) return add(bytes, metadata, key);
      if (known.content === key.content) return known.record;
      throw new AppError(
        "idempotency_key_reused",
        "Expected the upload that this Idempotency-Key was first sent with but received another. Send it under a new key.",
      );
    });

  return {
    add: (bytes, metadata, key) => (key ? addOnce(bytes, metadata, key) : add(bytes, metadata)),
    changeMetadata: (id, change) => store.write(() => store.images.changeMetadata(id, change)),
    async remove(id) {
      const content = store.images.contentOf(id);
      if (!content) return false;
      return lock(content.sha256, async () => {
        let unfindable: Promise<void> | undefined;
        const removed = await store.write(
          () => store.images.remove(id),
          (removed) => {
            if (!removed || removed === "kept") return;
            [unfindable] = generations.open().map((generation) => {
              generation.missed.delete(removed.number);
              return generation.index.remove(removed.number);
            });
          },
        );
        await unfindable;
        if (removed && removed !== "kept") await store.files.remove(removed.sha256);
        return removed !== undefined;
      });
    },
  };
}
