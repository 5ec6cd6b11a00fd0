// Image file types: what tells them, and what they are called.

/** Image file types that can be decoded; told by the first bytes, never by a file's name or a request's header. */
export type ImageType = "jpeg" | "png" | "webp" | "avif" | "heic" | "tiff" | "gif";

/** File name extensions of each image type, in lower case, the usual one first. */
export const EXTENSIONS: Readonly<Record<ImageType, readonly string[]>> = {
  jpeg: [".jpg", ".jpeg"],
  png: [".png"],
  webp: [".webp"],
  avif: [".avif"],
  heic: [".heic", ".heif"],
  tiff: [".tif", ".tiff"],
  gif: [".gif"],
};

/** File name extensions of images, in lower case. */
export const IMAGE_EXTENSIONS: readonly string[] = Object.values(EXTENSIONS).flat();

/** Content type of each image type. */
export const MEDIA_TYPES: Readonly<Record<ImageType, string>> = {
  jpeg: "image/jpeg",
  png: "image/png",
  webp: "image/webp",
  avif: "image/avif",
  heic: "image/heic",
  tiff: "image/tiff",
  gif: "image/gif",
};

const ascii = (bytes: Uint8Array, from: number, to: number) => String.fromCharCode(...bytes.subarray(from, to));

/** The image type that the first bytes announce, or undefined. */
export function sniffImageType(bytes: Uint8Array): ImageType | undefined {
  if (bytes.length < 12) return undefined;
  if (bytes[0] === 0xff && bytes[1] === 0xd8 && bytes[2] === 0xff) return "jpeg";
  if (bytes[0] === 0x89 && ascii(bytes, 1, 4) === "PNG") return "png";
  if (ascii(bytes, 0, 4) === "RIFF" && ascii(bytes, 8, 12) === "WEBP") return "webp";
  if (ascii(bytes, 4, 8) === "ftyp") return typeOfBrands(bytes);
  if (["II*\0", "MM\0*"].includes(ascii(bytes, 0, 4))) return "tiff";
  if (["GIF87a", "GIF89a"].includes(ascii(bytes, 0, 6))) return "gif";
  return undefined;
}

/** The brands of HEIF containers (ISO/IEC 23008-12) by what they hold. */
const BRANDS: Readonly<Record<string, ImageType>> = {
  ...{ avif: "avif", avis: "avif" },
  ...{ heic: "heic", heix: "heic", hevc: "heic", hevx: "heic" },
};

/** The type by the major brand of an `ftyp` box; where that is a general one, by the compatible brands after it. */
function typeOfBrands(bytes: Uint8Array): ImageType | undefined {
  const major = ascii(bytes, 8, 12);
  if (major !== "mif1" && major !== "msf1") return BRANDS[major];
  const end = Math.min(bytes.length, new DataView(bytes.buffer, bytes.byteOffset).getUint32(0), 256);
  for (let i = 16; i + 4 <= end; i += 4) {
    const type = BRANDS[ascii(bytes, i, i + 4)];
    if (type) return type;
  }
  return undefined;
}
