// Rows of images and of their contents.
import { randomBytes } from "node:crypto";
import type { ImageInfo, ImageType } from "../../../core/decode.ts";
import type { SqliteDatabase } from "./database.ts";

/** Free JSON object that the user keeps with an image. */
export type Metadata = Record<string, unknown>;

/** An uploaded image as users see it. */
export interface ImageRecord {
  readonly id: string;
  /** Of the file's bytes, hex. */
  readonly sha256: string;
  readonly type: ImageType;
  /** Pixels, as displayed. */
  readonly width: number;
  readonly height: number;
  /** Size of the file. */
  readonly bytes: number;
  readonly metadata: Metadata;
  /** ISO 8601. */
  readonly createdAt: string;
  /** The oldest other image with the same bytes, where there is one. */
  readonly duplicateOf?: string;
}

/** One distinct sequence of bytes. `number` is its key in indexes. */
export interface Content {
  readonly number: number;
  readonly sha256: string;
}

/** What to add: the header's facts, the bytes' SHA-256 and length, and the user's metadata. */
export interface NewImage extends ImageInfo {
  readonly sha256: string;
  readonly bytes: number;
  readonly metadata: Metadata;
}

interface ImageRow {
  number: number;
  id: string;
  sha256: string;
  type: ImageType;
  width: number;
  height: number;
  bytes: number;
  metadata: string;
  created_at: string;
  oldest: string;
}

const SELECT_IMAGE = `
  SELECT i.number, i.id, c.sha256, c.type, c.width, c.height, c.bytes, i.metadata, i.created_at,
    (SELECT o.id FROM images o WHERE o.content = i.content ORDER BY o.number LIMIT 1) AS oldest
  FROM images i JOIN contents c ON c.number = i.content`;

function asRecord(row: ImageRow): ImageRecord {
  const { id, sha256, type, width, height, bytes, metadata, created_at, oldest } = row;
  const record = { id, sha256, type, width, height, bytes, metadata: JSON.parse(metadata), createdAt: created_at };
  return oldest === id ? record : { ...record, duplicateOf: oldest };
}

export type ImageRecords = ReturnType<typeof createImageRecords>;

/** Statements over images. Those that write are for use inside a transaction. */
export function createImageRecords(database: SqliteDatabase) {
  const one = database.prepare<[string], ImageRow>(`${SELECT_IMAGE} WHERE i.id = ?`);
  const page = database.prepare<[number, number], ImageRow>(
    `${SELECT_IMAGE} WHERE i.number < ? ORDER BY i.number DESC LIMIT ?`,
  );
  const ofContents = database.prepare<[string], { id: string; content: number; metadata: string }>(
    "SELECT id, content, metadata FROM images WHERE content IN (SELECT value FROM json_each(?)) ORDER BY content, number",
  );
  const contentOfImage = database.prepare<[string], Content>(
    "SELECT c.number, c.sha256 FROM images i JOIN contents c ON c.number = i.content WHERE i.id = ?",
  );
  const contentNumber = database.prepare<[string], number>("SELECT number FROM contents WHERE sha256 = ?").pluck();
  const contentsAfter = database.prepare<[number, number], Content>(
    "SELECT number, sha256 FROM contents WHERE number > ? ORDER BY number LIMIT ?",
  );
  // Multiplied by 2^32 over the golden ratio (Knuth), consecutive numbers scatter evenly: the same sample every time.
  const sampleContents = database
    .prepare<[number], number>("SELECT number FROM contents ORDER BY (number * 2654435769) % 4294967296 LIMIT ?")
    .pluck();
  const countContents = database.prepare<[], number>("SELECT count(*) FROM contents").pluck();
  const countImages = database.prepare<[], number>("SELECT count(*) FROM images").pluck();
  const insertContent = database.prepare(
    "INSERT INTO contents (sha256, type, width, height, bytes) VALUES (@sha256, @type, @width, @height, @bytes)",
  );
  const insertImage = database.prepare<[string, number, string, string]>(
    "INSERT INTO images (id, content, metadata, created_at) VALUES (?, ?, ?, ?)",
  );
  const metadataAfter = database.prepare<[number, number], { number: number; content: number; metadata: string }>(
    "SELECT number, content, metadata FROM images WHERE number > ? ORDER BY number LIMIT ?",
  );
  const contentsOfSeveral = database
    .prepare<[], number>("SELECT content FROM images GROUP BY content HAVING count(*) > 1 ORDER BY content")
    .pluck();
  const sha256Of = database.prepare<[number], string>("SELECT sha256 FROM contents WHERE number = ?").pluck();
  const setMetadata = database.prepare<[string, string]>("UPDATE images SET metadata = ? WHERE id = ?");
  const deleteImage = database.prepare<[string]>("DELETE FROM images WHERE id = ?");
  const deleteEmbeddings = database.prepare<[number]>("DELETE FROM embeddings WHERE content = ?");
  const deleteContent = database.prepare<[number]>("DELETE FROM contents WHERE number = ?");
  const isUsed = database.prepare<[number], number>("SELECT 1 FROM images WHERE content = ? LIMIT 1").pluck();

  return {
    get(id: string): ImageRecord | undefined {
      const row = one.get(id);
      return row && asRecord(row);
    },
    /** Up to `limit` images numbered below `number`, newest first. */
    before: (number: number, limit: number): Array<{ number: number; record: ImageRecord }> =>
      page.all(number, limit).map((row) => ({ number: row.number, record: asRecord(row) })),
    /** Images with these contents, by content, the oldest first. A content without images is left out. */
    withContents(contents: Iterable<number>): Map<number, Array<{ id: string; metadata: Metadata }>> {
      const images = new Map<number, Array<{ id: string; metadata: Metadata }>>();
      for (const { id, content, metadata } of ofContents.all(JSON.stringify([...contents]))) {
        const image = { id, metadata: JSON.parse(metadata) };
        const others = images.get(content);
        if (others) others.push(image);
        else images.set(content, [image]);
      }
      return images;
    },
    /** Up to `limit` images numbered above `number`, in order: what a filter looks at. */
    metadataAfter: (number: number, limit: number): Array<{ number: number; content: number; metadata: Metadata }> =>
      metadataAfter.all(number, limit).map((row) => ({ ...row, metadata: JSON.parse(row.metadata) })),
    /** Contents of which there are several images. */
    contentsOfSeveral: (): number[] => contentsOfSeveral.all(),
    sha256Of: (content: number): string | undefined => sha256Of.get(content),
    contentOf: (id: string): Content | undefined => contentOfImage.get(id),
    contentNumber: (sha256: string): number | undefined => contentNumber.get(sha256),
    contentsAfter: (number: number, limit: number): Content[] => contentsAfter.all(number, limit),
    count: (): number => countImages.get()!,
    /** Numbers of up to `limit` contents, spread evenly over all. */
    sampleContents: (limit: number): number[] => sampleContents.all(limit),
    countContents: (): number => countContents.get()!,

    /** Writes the image, and its content where the bytes are new. Returns the content's number. */
    add(image: NewImage): { record: ImageRecord; content: number } {
      const { metadata, ...content } = image;
      const number = contentNumber.get(image.sha256) ?? Number(insertContent.run(content).lastInsertRowid);
      const id = randomBytes(12).toString("base64url");
      insertImage.run(id, number, JSON.stringify(metadata), new Date().toISOString());
      return { record: asRecord(one.get(id)!), content: number };
    },
    /** Replaces the metadata of an image by what `change` makes of it; undefined where there is no such image. */
    changeMetadata(id: string, change: (metadata: Metadata) => Metadata): ImageRecord | undefined {
      const row = one.get(id);
      if (!row) return undefined;
      setMetadata.run(JSON.stringify(change(JSON.parse(row.metadata))), id);
      return asRecord(one.get(id)!);
    },
    /**
     * Deletes an image, and its content and embeddings where it was the last with these bytes. Returns the content
     * that went, "kept" where another image has it, or undefined where there is no such image.
     */
    remove(id: string): Content | "kept" | undefined {
      const content = contentOfImage.get(id);
      if (!content) return undefined;
      deleteImage.run(id);
      if (isUsed.get(content.number)) return "kept";
      deleteEmbeddings.run(content.number);
      deleteContent.run(content.number);
      return content;
    },
  };
}
