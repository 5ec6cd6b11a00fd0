// A folder of images, and a single image file.
import { readdirSync, realpathSync, type Stats, statSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { basename, extname, join } from "node:path";
import { IMAGE_EXTENSIONS } from "../../core/decode.ts";
import { decodeFile, isHidden, labelOf, MAX_FILE_BYTES, type Source, type SourceImage } from "./source.ts";

/** A file found in a folder; `stats` is missing where it cannot be read, as for a dangling link. */
interface FoundFile {
  readonly path: string;
  readonly name: string;
  readonly stats: Stats | undefined;
}

/** True where the name ends as image files do. */
export function isImageName(name: string): boolean {
  return IMAGE_EXTENSIONS.includes(extname(name).toLowerCase());
}

/**
 * All image files below a folder, in the order of their paths; hidden files are left out. Links are followed, every
 * folder once. A name is `prefix` and the path below the folder.
 */
export function openFolder(folder: string, prefix: string): Source {
  return filesSource(listImages(folder, prefix, new Set()));
}

/** One image file as a source; it has no label. */
export function openImageFile(path: string): Source {
  return filesSource([{ path, name: basename(path), stats: statSync(path) }]);
}

function filesSource(files: FoundFile[]): Source {
  return {
    fingerprint: files.map(({ name, stats }) => `${name}\0${stats?.size}\0${stats?.mtimeMs}`).join("\n"),
    count: files.length,
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

// Synchronous: an order of magnitude faster than one promise a file, and there is nothing else to do yet.
function listImages(folder: string, prefix: string, visited: Set<string>): FoundFile[] {
  const real = realpathSync(folder);
  if (visited.has(real)) return [];
  visited.add(real);
  return readdirSync(folder)
    .filter((entry) => !isHidden(entry))
    .sort()
    .flatMap((entry) => {
      const path = join(folder, entry);
      const name = `${prefix}${entry}`;
      const stats = statIfPossible(path);
      if (stats?.isDirectory()) return listImages(path, `${name}/`, visited);
      return isImageName(entry) && (!stats || stats.isFile()) ? [{ path, name, stats }] : [];
    });
}

function statIfPossible(path: string): Stats | undefined {
  try {
    return statSync(path);
  } catch {
    return undefined; // a dangling link, a link to itself: reading it will say so, under its name
  }
}
