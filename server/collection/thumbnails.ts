// Thumbnails of stored images. Those asked for last are kept in memory: making one is most of what its request costs.
import { LRUCache } from "lru-cache";
import type { Decoder } from "../decoding/decoder.ts";
import type { Image } from "../domain/image.ts";
import type { Storage } from "../storage/ports.ts";
import { storedBytes } from "./stored-file.ts";

/** Most bytes that are kept. */
const MAX_KEPT = 64 * 1024 ** 2;

/** What thumbnails are made of. */
interface ThumbnailDeps {
  readonly storage: Pick<Storage, "catalogue" | "images">;
  readonly decoder: Decoder;
}

/**
 * Makes a function that gives the thumbnail of an image, at most `size` pixels on its longer side.
 *
 * Errors as {@link storedBytes} and `decoder.thumbnail`.
 */
export function createThumbnails({ storage, decoder }: ThumbnailDeps) {
  const kept = new LRUCache<string, Uint8Array>({ maxSize: MAX_KEPT, sizeCalculation: ({ length }) => length });
  return async ({ id, sha256 }: Pick<Image, "id" | "sha256">, size: number): Promise<Uint8Array> => {
    const key = `${sha256} ${size}`;
    const before = kept.get(key);
    if (before) return before;
    const made = await decoder.thumbnail(await storedBytes(id, storage), size);
    kept.set(key, made);
    return made;
  };
}
