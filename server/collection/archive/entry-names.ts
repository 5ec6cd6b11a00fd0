// What files are called in an archive: names that users gave, made safe for any file system.
import { extname } from "node:path";
import { EXTENSIONS, IMAGE_EXTENSIONS } from "../../../core/image-type.ts";
import type { StoredImage } from "../../domain/image.ts";

/** Bytes of a name in UTF-8, without its number and extension: file systems take 255. */
const MAX_BYTES = 200;

/** Gives each image a name that no other has, whatever the case of its letters. */
export type NameEntry = (image: Pick<StoredImage, "id" | "type" | "metadata">) => string;

/**
 * Makes the names of one archive: the last part of `name` in the metadata, else the id, with an extension of the image's
 * type. A second photo.jpg is called photo (2).jpg.
 */
export function createEntryNames(): NameEntry {
  const taken = new Set<string>();
  /** By name, the last number that was tried. */
  const numbers = new Map<string, number>();
  return ({ id, type, metadata }) => {
    const given = typeof metadata.name === "string" ? (metadata.name.split(/[\\/]/).at(-1) ?? "") : "";
    const ending = extname(given);
    const isOfImages = IMAGE_EXTENSIONS.includes(ending.toLowerCase());
    const extension = EXTENSIONS[type].includes(ending.toLowerCase()) ? ending : EXTENSIONS[type][0]!;
    const stem = safe(isOfImages ? given.slice(0, -ending.length) : given) || id;
    const key = `${stem}${extension}`.toLowerCase();
    for (let number = (numbers.get(key) ?? 0) + 1; ; number++) {
      const name = number === 1 ? `${stem}${extension}` : `${stem} (${number})${extension}`;
      if (taken.has(name.toLowerCase())) continue;
      taken.add(name.toLowerCase());
      numbers.set(key, number);
      return name;
    }
  };
}

/** Without characters that have a meaning for a file system or a terminal, and without dots and spaces at its ends. */
const safe = (text: string): string =>
  Buffer.from(text.normalize("NFC").replace(/[\p{Cc}\p{Cf}\p{Cs}<>:"|?*]/gu, "_"))
    .subarray(0, MAX_BYTES)
    .toString()
    .replace(/\ufffd+$/, "") // half a character
    .replace(/^[.\s]+|[.\s]+$/g, "");
