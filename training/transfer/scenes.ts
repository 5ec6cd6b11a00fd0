// Images with a class for every pixel: <folder>/{train,val}/{images,masks}. All of them are kept in memory.
import { existsSync, statSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { decodeImage, decodeNumbers, readImageInfo } from "../../core/decode.ts";
import { AppError } from "../../core/errors.ts";
import { findImages } from "../../core/find-images.ts";
import { NOT_LABELLED } from "./loss.ts";
import type { Size } from "./segmenter.ts";

/** One image and its labels, in its own size. */
export interface Scene extends Size {
  /** Path below the folder `images`. */
  readonly name: string;
  /** RGB bytes, row by row. */
  readonly pixels: Uint8Array;
  /** A class 0..C−1, or −1 for what is not labelled, row by row. */
  readonly labels: Int16Array;
}

/** Which values of masks are classes. */
export interface ScenesOptions {
  /** Values that stand for "not labelled". @default 255 */
  readonly ignore?: readonly number[];
  /** Number of classes C. @default one more than the largest value that is not ignored */
  readonly classes?: number;
}

/** Scenes in the order of their names, and the number of their classes. */
export interface Scenes {
  readonly scenes: readonly Scene[];
  readonly classes: number;
}

/**
 * Reads the images of `<folder>/<part>/images` and of each the mask of the same name (with `.png` instead of its own
 * ending) in `<folder>/<part>/masks`. The grey value of a mask's pixel is its class.
 *
 * @throws AppError `invalid_dataset` where a folder or a mask is missing, a mask is not grey or has another size than
 *   its image, or a class is out of range.
 */
export async function readScenes(folder: string, part: "train" | "val", options: ScenesOptions = {}): Promise<Scenes> {
  const images = join(folder, part, "images");
  const masks = join(folder, part, "masks");
  for (const needed of [images, masks]) {
    if (!statSync(needed, { throwIfNoEntry: false })?.isDirectory()) {
      throw invalid(
        `Expected the folder ${needed} but there is none. Put images in <folder>/{train,val}/images and their masks in <folder>/{train,val}/masks.`,
      );
    }
  }
  const { files } = findImages(images);
  if (files.length === 0) throw invalid(`Expected images in ${images} but there are none. Add some.`);
  const ignored = new Set(options.ignore ?? [255]);
  const scenes: Scene[] = [];
  let classes = 0;
  for (const { path, name } of files) {
    const mask = join(masks, name.replace(/\.[^./]+$/, ".png"));
    if (!existsSync(mask))
      throw invalid(`Expected the mask ${mask} of ${path} but there is none. Add it, or take the image away.`);
    const scene = await readScene({ path, name, mask }, ignored);
    const largest = scene.labels.reduce((most, label) => Math.max(most, label), 0);
    if (options.classes !== undefined && largest >= options.classes) throw outOfRange(mask, largest, options.classes);
    classes = Math.max(classes, largest + 1);
    scenes.push(scene);
  }
  return { scenes, classes: options.classes ?? Math.max(classes, 2) };
}

async function readScene(
  files: { path: string; name: string; mask: string },
  ignored: ReadonlySet<number>,
): Promise<Scene> {
  const { path, name, mask } = files;
  const bytes = await readFile(path);
  const { width, height } = await readImageInfo(bytes).catch(because(path));
  const pixels = await decodeImage(bytes, { width, height, fit: "fill" }).catch(because(path));
  const { values, ...size } = await readFile(mask).then(decodeNumbers).catch(because(mask));
  if (size.width !== width || size.height !== height) {
    throw invalid(
      `Expected a mask of ${width}×${height} pixels, as its image ${path} has, but ${mask} has ${size.width}×${size.height}. Make it of the image's size, without smoothing.`,
    );
  }
  const labels = Int16Array.from(values, (value) => (ignored.has(value) ? NOT_LABELLED : value));
  return { name, width, height, pixels, labels };
}

const invalid = (message: string, cause?: unknown) => new AppError("invalid_dataset", message, { cause });

const because = (path: string) => (error: unknown) => {
  if (!(error instanceof AppError)) throw error;
  throw invalid(`${path}: ${error.message}`, error);
};

const outOfRange = (mask: string, value: number, classes: number) =>
  invalid(
    `Expected classes 0 to ${classes - 1} in ${mask} but it has ${value}. If that stands for "not labelled", say so: --ignore ${value}. If it is a class that no training mask has, give the number of classes: --classes ${value + 1}.`,
  );
