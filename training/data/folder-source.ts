// A folder of images, and a single image file.
import { statSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import { type FoundFile, type FoundImages, findImages, labelOf } from "../../core/find-images.ts";
import { decodeFile, MAX_FILE_BYTES, type Source, type SourceImage } from "./source.ts";

/** All image files below a folder, as `findImages` finds them. A name is `prefix` and the path below the folder. */
export function openFolder(folder: string, prefix: string): Source {
  return filesSource(findImages(folder, prefix));
}

/** One image file as a source; it has no label. */
export function openImageFile(path: string): Source {
  return filesSource({ files: [{ path, name: basename(path), stats: statSync(path) }], leftOut: [] });
}

function filesSource({ files, leftOut }: FoundImages): Source {
  return {
    fingerprint: files.map(({ name, stats }) => `${name}\0${stats?.size}\0${stats?.mtimeMs}`).join("\n"),
    count: files.length,
    leftOut,
    async *images() {
      yield* files.map(asSourceImage);
    },
  };
}

function asSourceImage({ path, name, stats }: FoundFile): SourceImage {
  return {
    name,
    label: labelOf(name),
    decode: async (shape) => {
      if (stats && stats.size > MAX_FILE_BYTES) throw new Error(`the file has ${stats.size} bytes`);
      return decodeFile(await readFile(path), shape);
    },
  };
}
