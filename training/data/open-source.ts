// Opens the source that a user's path names.
import { existsSync, statSync } from "node:fs";
import { basename } from "node:path";
import { AppError, hasErrno } from "../../core/errors.ts";
import { isImageName } from "../../core/find-images.ts";
import { openFolder, openImageFile } from "./folder-source.ts";
import { isIdxName } from "./idx.ts";
import { openIdx } from "./idx-source.ts";
import type { Source } from "./source.ts";
import { isTarName, openTar } from "./tar-source.ts";

/**
 * Opens a folder, a `.tar`, `.tar.gz` or `.tgz` archive, a folder inside one (`images.tar.gz#train`), an idx(.gz) file
 * or a single image file.
 *
 * @param path Absolute.
 * @param options.named Puts the source's name before the names of its images, to tell several sources apart.
 * @throws AppError `invalid_dataset` where there is nothing at the path or it is none of these.
 */
export function openSource(path: string, options: { named: boolean }): Source {
  try {
    return open(path, options);
  } catch (error) {
    if (!hasErrno(error, "EACCES") && !hasErrno(error, "EPERM")) throw error;
    throw new AppError("invalid_dataset", `Expected to read ${path} but may not: ${error.message}.`, { cause: error });
  }
}

function open(path: string, { named }: { named: boolean }): Source {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (!stats) {
    const [, archive, inside] = /^(.+)#([^#]+)$/.exec(path) ?? [];
    if (archive && isTarName(archive) && existsSync(archive)) {
      return openTar(archive, named ? `${basename(inside!)}/` : "", inside!);
    }
    throw new AppError(
      "invalid_dataset",
      `Expected a folder of images, a .tar(.gz) archive or an idx file at ${path} but there is nothing.`,
    );
  }
  const prefix = named ? `${basename(path).replace(/\.(tar|tar\.gz|tgz|gz)$/, "")}/` : "";
  if (stats.isDirectory()) return openFolder(path, prefix);
  if (isTarName(path)) return openTar(path, prefix);
  if (isIdxName(path)) return openIdx(path, prefix);
  if (isImageName(path)) return openImageFile(path);
  throw new AppError(
    "invalid_dataset",
    `Expected a folder of images, a .tar(.gz) archive, an idx file or an image but ${path} is none of these.`,
  );
}
