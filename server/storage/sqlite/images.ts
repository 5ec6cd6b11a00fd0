// Images, which may share their contents.
import type { ImageType } from "../../../core/image-type.ts";
import type { Content } from "../../domain/content.ts";
import { matchesFilter } from "../../domain/filter.ts";
import type { Image, Metadata, NewImage, StoredImage, UploadKey } from "../../domain/image.ts";
import { newId } from "../../domain/new-id.ts";
import type { Images } from "../ports.ts";
import type { CommitQueue } from "./commit-queue.ts";
import type { SqliteDatabase } from "./database.ts";
import type { EmbeddingRows } from "./embeddings.ts";
import type { GenerationRows } from "./generations.ts";
import { createImagesOfContents, type SharedColumns } from "./images-of-contents.ts";
import { pages } from "./pages.ts";

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
}

type FilteredRow = [number: number, content: number, ...shared: SharedColumns];

const SELECT_IMAGE = `
  SELECT i.number, i.id, c.sha256, c.type, c.width, c.height, c.bytes, i.metadata, i.created_at,
    (SELECT o.id FROM images o WHERE o.content = i.content ORDER BY o.number LIMIT 1) AS oldest
  FROM images i JOIN contents c ON c.number = i.content`;

/** Hours that an upload's Idempotency-Key is remembered. */
const KEY_HOURS = 24;
/** Images that are read in one turn of the event loop where all are. */
const EACH_PAGE = 1000;

type WithOldest = ImageRow & { readonly oldest: string };

function asStored({ id, sha256, type, width, height, bytes, metadata, created_at }: ImageRow): StoredImage {
  return { id, sha256, type, width, height, bytes, metadata: JSON.parse(metadata), createdAt: created_at };
}

function asFiltered([number, content, type, width, height, bytes, metadata, createdAt]: FilteredRow) {
  return { number, content, type, width, height, bytes, metadata: JSON.parse(metadata) as Metadata, createdAt };
}

function asImage({ oldest, ...row }: WithOldest): Image {
  const image = asStored(row);
  return oldest === row.id ? image : { ...image, duplicateOf: oldest };
}

/** Makes the images of a catalogue. */
export function createImages(
  database: SqliteDatabase,
  { commit }: CommitQueue,
  { embeddings, generations }: { embeddings: EmbeddingRows; generations: GenerationRows },
): Images {
  const one = database.prepare<[string], WithOldest>(`${SELECT_IMAGE} WHERE i.id = ?`);
  const newest = database.prepare<[number, number], WithOldest>(
    `${SELECT_IMAGE} WHERE i.number < ? ORDER BY i.number DESC LIMIT ?`,
  );
  const oldest = database.prepare<[number, number], WithOldest>(
    `${SELECT_IMAGE} WHERE i.number > ? ORDER BY i.number LIMIT ?`,
  );
  // Rows as lists instead of objects take half the time.
  const eachAfter = database
    .prepare<[number, number], FilteredRow>(
      `SELECT i.number, i.content, c.type, c.width, c.height, c.bytes, i.metadata, i.created_at
       FROM images i JOIN contents c ON c.number = i.content WHERE i.number > ? ORDER BY i.number LIMIT ?`,
    )
    .raw();
  const ofContents = createImagesOfContents(database);
  const count = database.prepare<[], number>("SELECT count(*) FROM images").pluck();
  const contentNumber = database.prepare<[string], number>("SELECT number FROM contents WHERE sha256 = ?").pluck();
  const insertContent = database.prepare(
    "INSERT INTO contents (sha256, type, width, height, bytes) VALUES (@sha256, @type, @width, @height, @bytes)",
  );
  const insertImage = database.prepare<[string, number, string, string]>(
    "INSERT INTO images (id, content, metadata, created_at) VALUES (?, ?, ?, ?)",
  );
  const setMetadata = database
    .prepare<[string, string], number>("UPDATE images SET metadata = ? WHERE id = ? RETURNING content")
    .pluck();
  const contentOfImage = database.prepare<[string], Content>(
    "SELECT c.number, c.sha256, c.bytes FROM images i JOIN contents c ON c.number = i.content WHERE i.id = ?",
  );
  const isUsed = database.prepare<[number], number>("SELECT 1 FROM images WHERE content = ? LIMIT 1").pluck();
  const deleteImage = database.prepare<[string]>("DELETE FROM images WHERE id = ?");
  const deleteEmbeddings = database.prepare<[number]>("DELETE FROM embeddings WHERE content = ?");
  const deleteContent = database.prepare<[number]>("DELETE FROM contents WHERE number = ?");
  const upload = database.prepare<[string, number], { content: string; record: string }>(
    "SELECT content, record FROM keyed_uploads WHERE key = ? AND position = ?",
  );
  const insertUpload = database.prepare<[string, number, string, string, string]>(
    "INSERT INTO keyed_uploads (key, position, content, record, created_at) VALUES (?, ?, ?, ?, ?)",
  );
  const forgetUploads = database.prepare<[string]>("DELETE FROM keyed_uploads WHERE created_at < ?");

  const insert = ({ metadata, ...content }: NewImage): { image: Image; content: number } => {
    const number = contentNumber.get(content.sha256) ?? Number(insertContent.run(content).lastInsertRowid);
    const id = newId();
    insertImage.run(id, number, JSON.stringify(metadata), new Date().toISOString());
    ofContents.forget(number);
    return { image: asImage(one.get(id)!), content: number };
  };
  const remember = ({ key, position, content }: UploadKey, image: Image): void => {
    forgetUploads.run(new Date(Date.now() - KEY_HOURS * 3_600_000).toISOString());
    insertUpload.run(key, position, content, JSON.stringify(image), new Date().toISOString());
  };

  const each = () => pages((number, limit) => eachAfter.all(number, limit).map(asFiltered), EACH_PAGE);

  return {
    async get(id) {
      const row = one.get(id);
      return row && asImage(row);
    },
    async *list({ order = "newest", after, batch }) {
      const [some, first] = order === "newest" ? [newest, Number.MAX_SAFE_INTEGER] : [oldest, 0];
      for await (const rows of pages((number, limit) => some.all(number, limit), batch, after ?? first)) {
        yield rows.map((row) => ({ number: row.number, image: asImage(row) }));
      }
    },
    each,
    withContents: async (contents) => ofContents.get(contents),
    async count(filter) {
      if (!filter) return count.get()!;
      let fitting = 0;
      for await (const batch of each()) fitting += batch.filter((image) => matchesFilter(filter, image)).length;
      return fitting;
    },
    async uploaded({ key, position }) {
      const row = upload.get(key, position);
      return row && { content: row.content, image: JSON.parse(row.record) };
    },

    async add(image, vectors, key) {
      const { value, sequence } = await commit(({ added }) => {
        const active = generations.active();
        const known = contentNumber.get(image.sha256);
        if (active && !vectors.has(active.encoder) && !(known && embeddings.has(active.encoder, known))) {
          return { lacking: generations.get(active.number)! };
        }
        const written = insert(image);
        for (const [encoder, vector] of vectors) {
          const embedding = { content: written.content, vector };
          if (embeddings.add(encoder, embedding)) added.push({ encoder, ...embedding });
        }
        if (key) remember(key, written.image);
        return { added: { ...written, generation: active?.number } };
      });
      if (value.lacking) return { lacking: value.lacking };
      return { ...value.added, sequence };
    },
    async changeMetadata(id, change) {
      const { value } = await commit(() => {
        const row = one.get(id);
        if (!row) return undefined;
        ofContents.forget(setMetadata.get(JSON.stringify(change(JSON.parse(row.metadata))), id)!);
        return asImage(one.get(id)!);
      });
      return value;
    },
    async remove(id) {
      const { value, sequence } = await commit(({ removed }) => {
        const content = contentOfImage.get(id);
        if (!content) return undefined;
        deleteImage.run(id);
        ofContents.forget(content.number);
        if (isUsed.get(content.number)) return {};
        deleteEmbeddings.run(content.number);
        deleteContent.run(content.number);
        removed.push(content.number);
        return { content };
      });
      return value && { ...value, sequence };
    },
  };
}
