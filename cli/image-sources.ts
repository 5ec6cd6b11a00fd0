// The images that a user names, wherever they lie: files, folders, and parts of a bucket.
import { AppError } from "../core/errors.ts";
import { describeLeftOut, type LeftOut } from "../core/find-images.ts";
import { IMAGE_EXTENSIONS } from "../core/image-type.ts";
import { findImageFiles, readImageFile } from "./image-files.ts";

/** An image to be read. */
export interface ImageSource {
  /** Path or address, for messages. */
  readonly place: string;
  /** Path below what was named, with `/` on every system. */
  readonly name: string;
  read(): Promise<Uint8Array<ArrayBuffer>>;
}

/** Images in the order of the places; `close` once nothing is read any more. */
export interface ImageSources {
  readonly images: readonly ImageSource[];
  readonly leftOut: readonly LeftOut[];
  close(): void;
}

/**
 * Finds the images at paths and `s3://bucket/prefix` addresses; names as `findImageFiles` gives them.
 *
 * @throws AppError `invalid_dataset` where a path does not exist or nothing is found, `invalid_configuration` where a
 *   bucket cannot be read.
 */
export async function openImageSources(places: readonly string[]): Promise<ImageSources> {
  const paths = places.filter((place) => !isBucket(place));
  const found = paths.length > 0 ? findImageFiles(paths) : { files: [], leftOut: [] };
  const images: ImageSource[] = found.files.map(({ path, name }) => ({
    place: path,
    name,
    read: async () => (await readImageFile(path)).bytes,
  }));
  const leftOut: LeftOut[] = [...found.leftOut];
  const closes: Array<() => void> = [];
  for (const address of places.filter(isBucket)) {
    const { openImageObjects } = await import("../server/storage/s3/image-objects.ts"); // large: loaded when used
    const objects = await openImageObjects(address);
    const [within] = address.split("?");
    if (objects.files.length === 0) {
      objects.close();
      const others = objects.leftOut.length > 0 ? ` (${describeLeftOut(objects.leftOut)})` : "";
      throw new AppError(
        "invalid_dataset",
        `Expected images (${IMAGE_EXTENSIONS.join(", ")}) at ${within} but found none there${others}.`,
      );
    }
    closes.push(objects.close);
    leftOut.push(...objects.leftOut);
    for (const { name, read } of objects.files) {
      images.push({ place: `${within!.replace(/\/*$/, "/")}${name}`, name, read });
    }
  }
  return { images, leftOut, close: () => closes.forEach((close) => void close()) };
}

const isBucket = (place: string) => place.startsWith("s3://");
