// What an image's stored file has: it may be missing or damaged, and the image may be deleted meanwhile.
import { AppError, hasCode } from "../../core/errors.ts";
import type { Image } from "../domain/image.ts";
import type { Catalogue, Storage } from "../storage/ports.ts";

/** @throws AppError `image_not_found`. */
export async function getImage(id: string, { images }: Pick<Catalogue, "images">): Promise<Image> {
  return (await images.get(id)) ?? throwNotFound(id);
}

/**
 * What `read` finds of the file of an image.
 *
 * @param read Undefined where there is no file.
 * @throws AppError `image_not_found`; `file_damaged` where the file is missing or damaged.
 */
export async function readStoredFile<T>(
  id: string,
  catalogue: Pick<Catalogue, "images">,
  read: (image: Image) => Promise<T | undefined>,
): Promise<T> {
  try {
    const found = await read(await getImage(id, catalogue));
    if (found !== undefined) return found;
  } catch (error) {
    if (!hasCode(error, "file_damaged")) throw error;
    throw damaged(id, "damaged", { cause: error });
  }
  await getImage(id, catalogue); // throws if the image was deleted meanwhile, and its file with it
  throw damaged(id, "missing");
}

/** The bytes of an image's file. Errors as {@link readStoredFile}. */
export const storedBytes = (id: string, { catalogue, images }: Pick<Storage, "catalogue" | "images">) =>
  readStoredFile(id, catalogue, ({ sha256 }) => images.get(sha256));

/** @throws AppError `image_not_found`. */
export function throwNotFound(id: string): never {
  throw new AppError("image_not_found", `There is no image ${JSON.stringify(id)}.`);
}

const damaged = (id: string, how: "missing" | "damaged", options?: ErrorOptions) =>
  new AppError(
    "file_damaged",
    `The stored file of image ${id} is ${how}. Send the same file again to repair it; moco-search check lists all damage.`,
    options,
  );
