// Images as one zip, written while it is read: one file is open at a time, and none is held in memory.
import { Readable } from "node:stream";
import { finished } from "node:stream/promises";
import { ZipFile } from "yazl";
import { type AppError, hasCode } from "../../../core/errors.ts";
import type { Image } from "../../domain/image.ts";
import { csvLine } from "./csv.ts";
import { createEntryNames } from "./entry-names.ts";

/** Where images come from; see `Collection`. */
export interface ArchiveSource {
  get(id: string): Promise<Image>;
  open(id: string): Promise<Readable>;
}

/** A file of the archive. */
interface Entry {
  readonly name: string;
  readonly content: Readable;
  /** When it was made, and its bytes where they are known. */
  readonly options: { readonly mtime: Date; readonly size?: number };
}

const COLUMNS = ["id", "name", "sha256", "type", "width", "height", "bytes", "createdAt", "metadata"] as const;

/**
 * Opens a zip of the images' files, stored as they are, with images.csv at its end. Images that are not there and files
 * that are damaged are named in missing.txt. Destroying the stream ends the work.
 *
 * @throws AppError where the first image cannot be read for another reason. Where a later one cannot, the stream fails.
 */
export async function openArchive(ids: readonly string[], source: ArchiveSource): Promise<Readable> {
  const zip = new ZipFile();
  const output = zip.outputStream as Readable;
  const entries = entriesOf(new Set(ids), source);
  let next = await entries.next();
  let current: Readable | undefined;
  const write = async () => {
    for (; !next.done; next = await entries.next()) {
      const { name, content, options } = next.value;
      current = content;
      if (output.destroyed) return void content.destroy();
      zip.addReadStream(content, name, { ...options, compress: false });
      await finished(content);
    }
    zip.end();
  };
  output.once("close", () => current?.destroy());
  zip.once("error", (error: Error) => output.destroy(error));
  write().catch((error) => output.destroy(error));
  return output;
}

/** What stands in an archive, in its order; each is opened when the one before it has been read. */
async function* entriesOf(ids: Iterable<string>, source: ArchiveSource): AsyncGenerator<Entry, void> {
  const nameOf = createEntryNames();
  /** Names by id. */
  const names = new Map<string, string>();
  const problems: string[] = [];
  const fileOf = async (id: string): Promise<Entry | undefined> => {
    try {
      const image = await source.get(id);
      const content = await source.open(id);
      return { name: nameOf(image), content, options: { mtime: new Date(image.createdAt), size: image.bytes } };
    } catch (error) {
      if (!isAboutImage(error)) throw error;
      problems.push(error.message);
      return undefined;
    }
  };
  for (const id of ids) {
    await new Promise(setImmediate); // a storage may answer without a turn of the event loop
    const file = await fileOf(id);
    if (!file) continue;
    names.set(id, file.name);
    yield file;
  }
  const options = { mtime: new Date() };
  yield { name: "images.csv", content: Readable.from(linesOf(names, source), { objectMode: false }), options };
  if (problems.length === 0) return;
  yield { name: "missing.txt", content: Readable.from([`${problems.join("\n")}\n`], { objectMode: false }), options };
}

/** The lines of images.csv. Records are read again, as all of them together may be large. */
async function* linesOf(names: ReadonlyMap<string, string>, source: ArchiveSource): AsyncGenerator<string> {
  yield csvLine(COLUMNS);
  for (const [id, name] of names) {
    const image = await source.get(id).catch((error) => {
      if (!isAboutImage(error)) throw error;
    });
    if (!image) continue; // deleted meanwhile
    const { sha256, type, width, height, bytes, createdAt, metadata } = image;
    yield csvLine([id, name, sha256, type, width, height, bytes, createdAt, JSON.stringify(metadata)]);
  }
}

const isAboutImage = (error: unknown): error is AppError =>
  hasCode(error, "image_not_found") || hasCode(error, "file_damaged");
