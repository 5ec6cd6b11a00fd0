// A tar archive of images, plain or gzipped, read from front to back without unpacking it to the disk.
import { statSync } from "node:fs";
import { posix } from "node:path";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { pipeline } from "node:stream/promises";
import { extract } from "tar-stream";
import { AppError } from "../../core/errors.ts";
import { isHidden, isImageName, labelOf } from "../../core/find-images.ts";
import { decodeFile, MAX_FILE_BYTES, readBytes, type Source, type SourceImage } from "./source.ts";

/** True for the name of a tar archive: `.tar`, `.tar.gz` or `.tgz`. */
export function isTarName(name: string): boolean {
  return /\.(tar|tar\.gz|tgz)$/.test(name);
}

/**
 * The image files of a tar archive, in its order; hidden files are left out. A name is `prefix` and the path in the
 * archive. If `inside` is given, only the files in that folder of the archive count, and paths start below it.
 */
export function openTar(path: string, prefix: string, inside?: string): Source {
  const { size, mtimeMs } = statSync(path);
  return {
    fingerprint: `${size}\0${mtimeMs}`,
    count: undefined,
    images: () => readTar(path, prefix, inside ? `${posix.normalize(inside).replace(/\/+$/, "")}/` : ""),
  };
}

async function* readTar(path: string, prefix: string, inside: string): AsyncGenerator<SourceImage> {
  const archive = extract();
  const fed = pipeline(Readable.from(readBytes(path)), archive);
  fed.catch(() => {}); // reading `archive` fails with the same error
  try {
    for await (const entry of archive) {
      const { type, size = 0 } = entry.header;
      const whole = posix.normalize(entry.header.name);
      const name = whole.slice(inside.length);
      if (
        !whole.startsWith(inside) ||
        (type !== "file" && type !== "contiguous-file") ||
        !isImageName(name) ||
        isHidden(name)
      ) {
        entry.resume();
        continue;
      }
      const bytes = size <= MAX_FILE_BYTES ? await buffer(entry) : undefined;
      if (!bytes) entry.resume();
      yield {
        name: prefix + name,
        label: labelOf(prefix + name),
        decode: async (shape) => {
          if (!bytes) throw new Error(`the file has ${size} bytes`);
          return decodeFile(bytes, shape);
        },
      };
    }
    await fed;
  } catch (error) {
    if (error instanceof AppError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new AppError(
      "invalid_dataset",
      `Expected a whole tar archive but ${path} is not: ${reason}. Download it again.`,
      {
        cause: error,
      },
    );
  }
}
