// Images, which may share their contents.
import { AppError } from "../../../core/errors.ts";
import type { ImageType } from "../../../core/image-type.ts";
import type { Content } from "../../domain/content.ts";
import type { Image, Metadata, NewImage, StoredImage, UploadKey } from "../../domain/image.ts";
import { newId } from "../../domain/new-id.ts";
import type { Images } from "../ports.ts";
import type { Commit, CommitNotes } from "./commit.ts";
import type { Database } from "./database.ts";
import { insertEmbeddings } from "./embeddings.ts";
import { asFields, filterSql } from "./filter-sql.ts";
import { getGeneration, shareGenerations } from "./generations.ts";
import { pages } from "./pages.ts";
import type { Query } from "./query.ts";

interface ImageRow {
  number: number;
  id: string;
  sha256: string;
  type: ImageType;
  width: number;
  height: number;
  bytes: number;
  metadata: string;
  created_at: Date;
}

type FilteredRow = Omit<ImageRow, "id" | "sha256"> & { readonly content: number };

const COLUMNS = "i.number, i.id, c.sha256, c.type, c.width, c.height, c.bytes, i.metadata, i.created_at";

const SELECT_IMAGE = `
  SELECT ${COLUMNS},
    (SELECT o.id FROM images o WHERE o.content = i.content ORDER BY o.number LIMIT 1) AS oldest
  FROM images i JOIN contents c ON c.number = i.content`;

/** How long the key of an upload is remembered. */
const KEY_LIFE = "24 hours";
/** Images that are read at a time where all are. */
const EACH_PAGE = 1000;

type WithOldest = ImageRow & { readonly oldest: string };

function parsed<Row extends FilteredRow | ImageRow>({ number: _, created_at, metadata, ...row }: Row) {
  return { ...row, metadata: JSON.parse(metadata) as Metadata, createdAt: created_at.toISOString() };
}

function asImage({ oldest, ...row }: WithOldest): Image {
  const image = parsed(row);
  return oldest === row.id ? image : { ...image, duplicateOf: oldest };
}

async function getImage(query: Query, id: string): Promise<Image | undefined> {
  const [row] = await query<WithOldest>(`${SELECT_IMAGE} WHERE i.id = $1`, [id]);
  return row && asImage(row);
}

/** The content of these bytes, which stays until the transaction ends. */
async function holdContent(query: Query, sha256: string): Promise<number | undefined> {
  const [row] = await query<{ number: number }>("SELECT number FROM contents WHERE sha256 = $1 FOR KEY SHARE", [
    sha256,
  ]);
  return row?.number;
}

/** {@link holdContent}, written where it is not there. Another server may write or delete it at the same time. */
async function holdOrAddContent(query: Query, image: NewImage, notes: CommitNotes): Promise<number> {
  for (;;) {
    const known = await holdContent(query, image.sha256);
    if (known !== undefined) return known;
    const [row] = await query<{ number: number }>(
      `INSERT INTO contents (sha256, type, width, height, bytes) VALUES ($1, $2, $3, $4, $5)
       ON CONFLICT DO NOTHING RETURNING number`,
      [image.sha256, image.type, image.width, image.height, image.bytes],
    );
    if (!row) continue;
    notes.newContents++;
    return row.number;
  }
}

async function insertImage(query: Query, content: number, metadata: Metadata): Promise<Image> {
  const id = newId();
  await query(
    "INSERT INTO images (id, content, metadata, fields, created_at) VALUES ($1, $2, $3, $4, clock_timestamp())",
    [id, content, JSON.stringify(metadata), asFields(metadata)],
  );
  return (await getImage(query, id))!;
}

async function remember(query: Query, { key, position, content }: UploadKey, image: Image): Promise<void> {
  await query(`DELETE FROM keyed_uploads WHERE created_at < now() - interval '${KEY_LIFE}'`);
  const written = await query(
    `INSERT INTO keyed_uploads (key, position, content, record, created_at) VALUES ($1, $2, $3, $4, clock_timestamp())
     ON CONFLICT DO NOTHING RETURNING key`,
    [key, position, content, JSON.stringify(image)],
  );
  if (written.length > 0) return;
  throw new AppError("not_ready", "Another server is storing the same upload. Send it again to get its answer.");
}

/** Makes the images of a catalogue. */
export function createImages({ query, transaction }: Database, commit: Commit): Images {
  return {
    get: (id) => getImage(query, id),
    async *list({ order = "newest", after, batch }) {
      const [condition, first] =
        order === "newest" ? ["< $1 ORDER BY i.number DESC", Number.MAX_SAFE_INTEGER] : ["> $1 ORDER BY i.number", 0];
      const read = (cursor: number, size: number) =>
        query<WithOldest>(`${SELECT_IMAGE} WHERE i.number ${condition} LIMIT $2`, [cursor, size]);
      for await (const rows of pages(read, batch, after ?? first)) {
        yield rows.map((row) => ({ number: row.number, image: asImage(row) }));
      }
    },
    async *each() {
      const read = (cursor: number, size: number) =>
        query<FilteredRow>(
          `SELECT i.number, i.content, c.type, c.width, c.height, c.bytes, i.metadata, i.created_at
           FROM images i JOIN contents c ON c.number = i.content WHERE i.number > $1 ORDER BY i.number LIMIT $2`,
          [cursor, size],
        );
      for await (const rows of pages(read, EACH_PAGE))
        yield rows.map((row) => ({ ...parsed(row), number: row.number }));
    },
    async withContents(contents) {
      const rows = await query<ImageRow & { content: number }>(
        `SELECT ${COLUMNS}, i.content FROM images i JOIN contents c ON c.number = i.content
         WHERE i.content = ANY($1::bigint[]) ORDER BY i.content, i.number`,
        [[...contents]],
      );
      const images = new Map<number, StoredImage[]>();
      for (const { content, ...row } of rows) {
        const image = parsed(row);
        const others = images.get(content);
        if (others) others.push(image);
        else images.set(content, [image]);
      }
      return images;
    },
    async count(filter) {
      const values: unknown[] = [];
      const fitting = filter
        ? `i JOIN contents c ON c.number = i.content WHERE ${filterSql(filter, (value) => `$${values.push(value)}`)}`
        : "";
      return (await query<{ count: number }>(`SELECT count(*) FROM images ${fitting}`, values))[0]!.count;
    },
    async uploaded({ key, position }) {
      const [row] = await query<{ content: string; record: string }>(
        "SELECT content, record FROM keyed_uploads WHERE key = $1 AND position = $2",
        [key, position],
      );
      return row && { content: row.content, image: JSON.parse(row.record) };
    },

    async add(image, vectors, key) {
      const { value, sequence } = await commit(async (inside, notes) => {
        const inUse = await shareGenerations(inside);
        const active = inUse.find(({ state }) => state === "active");
        if (active && !vectors.has(active.encoder)) {
          const known = await holdContent(inside, image.sha256);
          const embedded =
            known !== undefined &&
            (await inside("SELECT 1 FROM embeddings WHERE encoder = $1 AND content = $2", [active.encoder, known]));
          if (!embedded || embedded.length === 0) return { lacking: (await getGeneration(inside, active.number))! };
        }
        const content = await holdOrAddContent(inside, image, notes);
        // A server may hold a generation open whose embeddings are gone. In one order, so that no two commits wait for
        // each other.
        const encoders = [...vectors.keys()].filter((encoder) => inUse.some((one) => one.encoder === encoder));
        for (const encoder of encoders.sort((a, b) => a - b)) {
          await insertEmbeddings(inside, notes, encoder, [{ content, vector: vectors.get(encoder)! }]);
        }
        const added = await insertImage(inside, content, image.metadata);
        if (key) await remember(inside, key, added);
        return { added: { image: added, content, generation: active?.number } };
      });
      if (value.lacking) return { lacking: value.lacking };
      return { ...value.added, sequence };
    },
    changeMetadata: (id, change) =>
      transaction(async (inside) => {
        const [row] = await inside<{ metadata: string }>("SELECT metadata FROM images WHERE id = $1 FOR UPDATE", [id]);
        if (!row) return undefined;
        const metadata = change(JSON.parse(row.metadata));
        await inside("UPDATE images SET metadata = $1, fields = $2 WHERE id = $3", [
          JSON.stringify(metadata),
          asFields(metadata),
          id,
        ]);
        return getImage(inside, id);
      }),
    async remove(id) {
      const { value, sequence } = await commit(async (inside, notes) => {
        const [image] = await inside<{ content: number }>("DELETE FROM images WHERE id = $1 RETURNING content", [id]);
        if (!image) return undefined;
        // Whoever adds an image of the same content has ended after this, or waits.
        const [content] = await inside<Content>(
          "SELECT number, sha256, bytes FROM contents WHERE number = $1 FOR UPDATE",
          [image.content],
        );
        const others = await inside("SELECT 1 FROM images WHERE content = $1 LIMIT 1", [image.content]);
        if (others.length > 0) return {};
        const gone = await inside<{ encoder: number }>("DELETE FROM embeddings WHERE content = $1 RETURNING encoder", [
          image.content,
        ]);
        await inside("DELETE FROM contents WHERE number = $1", [image.content]);
        notes.removed.push({ content: image.content, encoders: gone.map(({ encoder }) => encoder) });
        return { content: content! };
      });
      return value && { ...value, sequence };
    },
  };
}
