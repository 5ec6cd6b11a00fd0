// The image files that a user names: files, and all images in folders.
import { statSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { basename, resolve } from "node:path";
import { AppError, hasErrno } from "../core/errors.ts";
import { describeLeftOut, type FoundImages, findImages } from "../core/find-images.ts";
import { IMAGE_EXTENSIONS } from "../core/image-type.ts";

/**
 * Image files in the order of the paths. A name is the path below the given folder; if several paths are given it
 * begins with the folder's own name, as in a data set.
 *
 * @throws AppError `invalid_dataset` where a path does not exist or nothing is found.
 */
export function findImageFiles(paths: readonly string[]): FoundImages {
  const found: FoundImages = { files: [], leftOut: [] };
  for (const path of paths) {
    const stats = statSync(path, { throwIfNoEntry: false });
    if (!stats) throw new AppError("invalid_dataset", `Expected a file or folder of images but there is no ${path}.`);
    if (!stats.isDirectory()) {
      found.files.push({ path, name: basename(path), stats });
      continue;
    }
    const { files, leftOut } = findImages(path, paths.length > 1 ? `${basename(resolve(path))}/` : "");
    found.files.push(...files);
    found.leftOut.push(...leftOut);
  }
  if (found.files.length > 0) return found;
  const others = found.leftOut.length > 0 ? ` (${describeLeftOut(found.leftOut)})` : "";
  throw new AppError(
    "invalid_dataset",
    `Expected images (${IMAGE_EXTENSIONS.join(", ")}) but found none there${others}.`,
  );
}

/**
 * Reads an image file that the user named.
 *
 * @throws AppError `invalid_request` where it cannot be read.
 */
export async function readImageFile(path: string): Promise<{ name: string; bytes: Uint8Array<ArrayBuffer> }> {
  try {
    return { name: basename(path), bytes: new Uint8Array(await readFile(path)) };
  } catch (error) {
    const why = hasErrno(error, "ENOENT") ? "there is none" : hasErrno(error, "EISDIR") ? "it is a folder" : undefined;
    const reason = why ?? (error instanceof Error ? error.message : String(error));
    throw new AppError("invalid_request", `Expected an image file at ${path} but ${reason}.`, { cause: error });
  }
}

/** Lists files and reasons on stderr, `most` at most. */
export function nameEach(files: ReadonlyArray<{ readonly name: string; readonly reason: string }>, most = 20): void {
  for (const { name, reason } of files.slice(0, most)) console.error(`  ${name}: ${reason}`);
  if (files.length > most) console.error(`  and ${files.length - most} more`);
}
