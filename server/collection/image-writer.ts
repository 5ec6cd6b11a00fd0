// Adds and removes images: file, records, embeddings and indexes together, or not at all.
import { readImageInfo } from "../../core/decode.ts";
import { AppError } from "../../core/errors.ts";
import { sha256 } from "../../core/hash.ts";
import type { Image, Metadata, NewImage, UploadKey } from "../domain/image.ts";
import { createPreparer } from "../encoder/preparer.ts";
import type { Generation } from "../generation/generation.ts";
import type { Generations } from "../generation/generations.ts";
import { isWhole } from "../storage/is-whole.ts";
import type { AddedImage, Storage } from "../storage/ports.ts";
import { createKeyedLock } from "./keyed-lock.ts";

/** The place of a file in a request that may be sent again. */
export interface PlaceInUpload {
  /** The Idempotency-Key of the request. */
  readonly key: string;
  /** Place of the file among those of the request, from 0. */
  readonly position: number;
  /** How many files the request has. */
  readonly files: number;
}

export interface ImageWriter {
  /** Stores an image; see `Collection.add`. */
  add(bytes: Uint8Array, metadata: Metadata, place?: PlaceInUpload): Promise<Image>;
  /** Deletes an image, and the file where no other image has its bytes. False where there is no such image. */
  remove(id: string): Promise<boolean>;
}

/** What the writer works on. */
export interface WriterDeps {
  readonly storage: Pick<Storage, "catalogue" | "images">;
  readonly generations: Generations;
}

/** Makes the writer of a storage. */
export function createImageWriter({ storage: { catalogue, images: files }, generations }: WriterDeps): ImageWriter {
  // Uploads and deletes of the same bytes take turns: the file must be there exactly when a record is.
  const lock = createKeyedLock();

  /** Writes the file of a stored content again where it is missing or damaged. */
  const repair = async (hash: string, bytes: Uint8Array): Promise<void> => {
    if (!(await isWhole(files, hash))) await files.put(hash, bytes);
  };

  /**
   * Embeds the image with every open generation and commits it. The commit is refused where it lacks the embedding of
   * the generation that is active at that moment; then that generation embeds the image too.
   */
  const embedAndCommit = async (bytes: Uint8Array, image: NewImage, key?: UploadKey): Promise<AddedImage> => {
    const prepare = createPreparer(bytes);
    const embeddings = new Map<number, Float32Array>();
    const embedFor = async (generation: Generation) => {
      embeddings.set(generation.encoder, await generation.use(() => generation.embed(prepare)));
    };
    const stored = await catalogue.contents.number(image.sha256);
    await Promise.all(
      generations.open().map(async (generation) => {
        if (stored !== undefined && (await catalogue.embeddings.get(generation.encoder, stored))) return;
        await embedFor(generation).catch((error) => {
          // Only the active generation can refuse an image; any other catches up in its backfill.
          if (generation === generations.active()) throw error;
        });
      }),
    );
    if (stored === undefined) await files.put(image.sha256, bytes);
    else await repair(image.sha256, bytes);
    for (;;) {
      const added = await catalogue.images.add(image, embeddings, key);
      if ("image" in added) return added;
      const { number } = added.lacking;
      const generation = generations.open().find((one) => one.number === number);
      if (!generation) throw new AppError("not_ready", "The model was changed. Try again in a few seconds.");
      await embedFor(generation);
    }
  };

  /** Waits until the generation that was active at the commit answers requests and its index has the image. */
  const findable = async ({ generation: number, sequence }: AddedImage): Promise<void> => {
    const generation = generations.open().find((one) => one.number === number);
    if (!generation) return;
    await Promise.all([generation.index.reached(sequence), generations.answering(generation.number)]);
  };

  const addLocked = async (bytes: Uint8Array, image: NewImage, key?: UploadKey): Promise<Image> => {
    let added: AddedImage;
    try {
      added = await embedAndCommit(bytes, image, key);
    } catch (error) {
      if ((await catalogue.contents.number(image.sha256)) === undefined) await files.remove(image.sha256);
      throw error;
    }
    await findable(added);
    return added.image;
  };

  const add = async (bytes: Uint8Array, hash: string, metadata: Metadata, key?: UploadKey): Promise<Image> => {
    const info = await readImageInfo(bytes);
    const image = { ...info, sha256: hash, bytes: bytes.length, metadata };
    return lock(hash, () => addLocked(bytes, image, key));
  };

  /** As `add`; for a key that was used before, the image stored then. */
  const addOnce = (bytes: Uint8Array, hash: string, metadata: Metadata, key: UploadKey): Promise<Image> =>
    lock(`key ${key.position} ${key.key}`, async () => {
      const known = await catalogue.images.uploaded(key);
      if (!known) return add(bytes, hash, metadata, key);
      if (known.content !== key.content) {
        throw new AppError(
          "idempotency_key_reused",
          "Expected the upload that this Idempotency-Key was first sent with but received another. Send it under a new key.",
        );
      }
      return lock(hash, async () => {
        if (await catalogue.images.get(known.image.id)) await repair(hash, bytes);
        else throw deleted(known.image.id);
        return known.image;
      });
    });

  return {
    add(bytes, metadata, place) {
      const hash = sha256(bytes);
      if (!place) return add(bytes, hash, metadata);
      const { key, position, files } = place;
      const content = sha256(`${files} ${hash} ${JSON.stringify(metadata)}`);
      return addOnce(bytes, hash, metadata, { key, position, content });
    },
    async remove(id) {
      const content = await catalogue.contents.ofImage(id);
      if (!content) return false;
      return lock(content.sha256, async () => {
        const removed = await catalogue.images.remove(id);
        if (!removed) return false;
        await generations.serving?.index.reached(removed.sequence);
        if (removed.content) await files.remove(removed.content.sha256);
        return true;
      });
    },
  };
}

const deleted = (id: string) =>
  new AppError(
    "image_deleted",
    `The upload of this Idempotency-Key became the image ${id}, which was deleted. Send it under a new key to store it again.`,
  );
