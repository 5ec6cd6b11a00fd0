// Uploads: many files, a few in each request, with the outcome of each.
import { signal } from "@preact/signals";
import pMap from "p-map";
import type { Image, Metadata } from "../../client/index.ts";
import { patientApi, problemOf } from "../state/server.ts";
import { put } from "./images.ts";

/** Most files and bytes of one request; a larger file goes alone. */
const MOST_FILES = 16;
const MOST_BYTES = 16 * 1024 * 1024;
/** Requests under way at once. */
const LANES = 2;

/** How far an upload is. */
export interface Upload {
  readonly files: number;
  readonly done: number;
  /** Files whose bytes were stored already. */
  readonly duplicates: number;
  readonly refused: ReadonlyArray<{ readonly name: string; readonly why: string }>;
  /** Ends it after what is under way, or takes it out of sight once it has ended. */
  close(): void;
}

export const uploads = signal<readonly Upload[]>([]);

/** Stores files, and shows how far that is. */
export function addFiles(files: readonly File[]): void {
  if (files.length === 0) return;
  const abort = new AbortController();
  const close = () => {
    abort.abort();
    uploads.value = uploads.value.filter((one) => one !== upload);
  };
  let upload: Upload = { files: files.length, done: 0, duplicates: 0, refused: [], close };
  uploads.value = [upload, ...uploads.value];
  const advance = (images: readonly Image[], refused: Upload["refused"]) => {
    const next: Upload = {
      ...upload,
      done: upload.done + images.length + refused.length,
      duplicates: upload.duplicates + images.filter(({ duplicateOf }) => duplicateOf).length,
      refused: [...upload.refused, ...refused],
    };
    uploads.value = uploads.value.map((one) => (one === upload ? next : one));
    upload = next;
    for (const image of images) put(image);
  };

  const send = async (batch: readonly File[]): Promise<void> => {
    if (abort.signal.aborted) return;
    try {
      const { images, errors } = await patientApi.storeImages(batch, { metadata: batch.map(metadataOf) });
      advance(
        images,
        errors.map(({ index, detail }) => ({ name: pathOf(batch[index]!), why: detail })),
      );
    } catch (error) {
      const { code, detail } = problemOf(error);
      // The answer is about the first file only: each is sent alone.
      if (batch.length > 1 && !["not_ready", "unauthorized", "forbidden"].includes(code)) {
        for (const file of batch) await send([file]);
      } else
        advance(
          [],
          batch.map((file) => ({ name: pathOf(file), why: detail })),
        );
    }
  };

  void pMap(inBatches(files), send, { concurrency: LANES });
}

function inBatches(files: readonly File[]): File[][] {
  const batches: File[][] = [[]];
  let bytes = 0;
  for (const file of files) {
    const last = batches.at(-1)!;
    if (last.length > 0 && (last.length === MOST_FILES || bytes + file.size > MOST_BYTES)) {
      batches.push([]);
      bytes = 0;
    }
    batches.at(-1)!.push(file);
    bytes += file.size;
  }
  return batches;
}

const pathOf = ({ webkitRelativePath, name }: File) => webkitRelativePath || name;

/** The file's name; of a file in a folder, its folder, and the name of the innermost one as label. */
function metadataOf({ name, webkitRelativePath }: File): Metadata {
  const folders = webkitRelativePath.split("/").slice(0, -1);
  return folders.length > 0 ? { label: folders.at(-1)!, folder: folders.join("/"), name } : { name };
}
