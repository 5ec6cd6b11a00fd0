// The images of contents, which every search asks for. Those read last are kept: to read them takes a fifth of a
// search's time on the main thread. No other process changes the database while a server has its folder.
import { LRUCache } from "lru-cache";
import type { ImageType } from "../../../core/image-type.ts";
import type { Metadata, StoredImage } from "../../domain/image.ts";
import type { SqliteDatabase } from "./database.ts";

/** Most bytes that are kept: those of 50,000 images with short metadata. */
const MAX_KEPT = 48 * 1024 ** 2;
/** What an image takes without its metadata, bytes. */
const IMAGE_BYTES = 800;
/** What a character of metadata takes once it is parsed, bytes. Only lists of empty objects take more. */
const METADATA_BYTES = 8;

/** What a row of an image ends with wherever it is read as a list. */
export type SharedColumns = [
  type: ImageType,
  width: number,
  height: number,
  bytes: number,
  metadata: string,
  createdAt: string,
];

type Row = [content: number, id: string, sha256: string, ...shared: SharedColumns];

/** The images of one content, oldest first, and what they take in memory. */
interface Kept {
  readonly images: StoredImage[];
  size: number;
}

/** Makes the reader of a database. */
export function createImagesOfContents(database: SqliteDatabase) {
  const kept = new LRUCache<number, Kept>({ maxSize: MAX_KEPT, sizeCalculation: ({ size }) => size });
  const read = database
    .prepare<[string], Row>(
      `SELECT i.content, i.id, c.sha256, c.type, c.width, c.height, c.bytes, i.metadata, i.created_at
       FROM images i JOIN contents c ON c.number = i.content
       WHERE i.content IN (SELECT value FROM json_each(?)) ORDER BY i.content, i.number`,
    )
    .raw(); // lists instead of objects: half the time

  const readAll = (contents: readonly number[]): Map<number, Kept> => {
    const found = new Map<number, Kept>();
    for (const [content, id, sha256, type, width, height, bytes, metadata, createdAt] of read.all(
      JSON.stringify(contents),
    )) {
      const image = { id, sha256, type, width, height, bytes, metadata: JSON.parse(metadata) as Metadata, createdAt };
      const of = found.get(content) ?? { images: [], size: 0 };
      of.images.push(image);
      of.size += IMAGE_BYTES + METADATA_BYTES * metadata.length;
      found.set(content, of);
    }
    return found;
  };

  return {
    /** The images of each content that has any, oldest first. */
    get(contents: Iterable<number>): Map<number, readonly StoredImage[]> {
      const images = new Map<number, readonly StoredImage[]>();
      const missing: number[] = [];
      for (const content of contents) {
        const known = kept.get(content);
        if (known) images.set(content, known.images);
        else missing.push(content);
      }
      if (missing.length === 0) return images;
      for (const [content, of] of readAll(missing)) {
        kept.set(content, of);
        images.set(content, of.images);
      }
      return images;
    },
    /** To be called in each transaction that changes an image of the content. */
    forget(content: number): void {
      kept.delete(content);
    },
  };
}
