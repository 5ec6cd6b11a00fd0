// The image files that a user names: files as they are, folders with all that is in them.
import { readdir, stat } from "node:fs/promises";
import { extname, join } from "node:path";
import { IMAGE_EXTENSIONS } from "../core/decode.ts";
import { AppError, hasErrno } from "../core/errors.ts";

/**
 * Paths of image files, in order of their names. Folders are searched recursively for names that end as image files do.
 *
 * @throws AppError `invalid_dataset` where a path does not exist or nothing is found.
 */
export async function findImages(paths: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  for (const path of paths) {
    const info = await stat(path).catch((error) => {
      if (!hasErrno(error, "ENOENT")) throw error;
      throw new AppError("invalid_dataset", `Expected a file or folder of images but there is no ${path}.`);
    });
    if (!info.isDirectory()) {
      found.push(path);
      continue;
    }
    const entries = await readdir(path, { recursive: true, withFileTypes: true });
    const images = entries.filter(
      (entry) => entry.isFile() && IMAGE_EXTENSIONS.includes(extname(entry.name).toLowerCase()),
    );
    found.push(...images.map((entry) => join(entry.parentPath, entry.name)).sort());
  }
  if (found.length > 0) return found;
  throw new AppError("invalid_dataset", `Expected images (${IMAGE_EXTENSIONS.join(", ")}) but found none there.`);
}
