// Images in an idx file, with the labels file beside it where there is one.
import { existsSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { type ImageShape, resizePixels } from "../../core/decode.ts";
import { AppError } from "../../core/errors.ts";
import { readIdx } from "./idx.ts";
import type { Source, SourceImage } from "./source.ts";

/**
 * The images of an idx file, named by `prefix` and their number. Labels come from the labels file beside it, as with
 * `train-images-idx3-ubyte.gz` and `train-labels-idx1-ubyte.gz`; without one the images have no labels.
 */
export function openIdx(path: string, prefix: string): Source {
  const labelsPath = labelsBeside(path);
  return {
    fingerprint: [path, labelsPath].map((file) => file && stamp(file)).join("\n"),
    count: undefined,
    images: () => readImages(path, labelsPath, prefix),
  };
}

function stamp(path: string): string {
  const { size, mtimeMs } = statSync(path);
  return `${size}\0${mtimeMs}`;
}

function labelsBeside(path: string): string | undefined {
  const name = basename(path).replace("images", "labels").replace("idx3", "idx1").replace(/\.gz$/, "");
  if (!name.includes("labels")) return undefined;
  return [`${name}.gz`, name].map((file) => join(dirname(path), file)).find((file) => existsSync(file));
}

async function* readImages(path: string, labelsPath: string | undefined, prefix: string): AsyncGenerator<SourceImage> {
  let labels: string[] | undefined;
  let index = 0;
  for await (const { count, shape, bytes } of readIdx(path)) {
    const [height, width, channels = 1] = shape;
    if (!height || !width || (channels !== 1 && channels !== 3) || shape.length > 3) {
      throw new AppError(
        "invalid_dataset",
        `Expected images of [height, width] or [height, width, 3] in ${path} but the items are [${shape.join(", ")}].`,
      );
    }
    if (labelsPath) labels ??= await readLabels(labelsPath, count, path);
    yield {
      name: prefix + String(index).padStart(6, "0"),
      label: labels?.[index],
      decode: async (to: ImageShape) => ({
        pixels: await resizePixels(bytes, { width, height, channels }, to),
        width,
        height,
      }),
    };
    index++;
  }
}

/** The labels of `count` images. Where there are more or fewer it is refused by the header, before they are read. */
async function readLabels(path: string, count: number, imagesPath: string): Promise<string[]> {
  const labels: string[] = [];
  const wrong = (found: number) =>
    new AppError(
      "invalid_dataset",
      `Expected ${count} labels in ${path}, one for each image of ${basename(imagesPath)}, but it has ${found}.`,
    );
  for await (const { count: found, shape, bytes } of readIdx(path)) {
    if (shape.length > 0) {
      throw new AppError(
        "invalid_dataset",
        `Expected one byte a label in ${path} but the items are [${shape.join(", ")}].`,
      );
    }
    if (found !== count) throw wrong(found);
    labels.push(String(bytes[0]));
  }
  if (labels.length === 0) throw wrong(0);
  return labels;
}
