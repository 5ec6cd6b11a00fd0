// A measure that needs no labels: two crops of one image should be nearer to each other than to crops of other images.
import pMap from "p-map";
import { type Region, readImageInfo } from "../../core/decode.ts";
import { AppError } from "../../core/errors.ts";
import type { EncoderInput } from "../../core/model-card.ts";
import { centred, dot } from "../../core/vector.ts";
import type { ViewsComparison } from "../domain/swap.ts";
import { createPreparer, type Prepare } from "../encoder/preparer.ts";
import type { Generation } from "../generation/generation.ts";
import type { Storage } from "../storage/ports.ts";

/** Images compared. */
const SAMPLE = 40;
/** Images embedded at a time: few, so that live requests come in between. */
const AT_ONCE = 4;
/** Fewest images for a meaningful result. */
const MIN_IMAGES = 20;
/** Width and height of a crop as a share of the image's. The two crops are at opposite corners and overlap. */
const CROP = 0.85;
/** The size at which pixels are compared. */
const PIXELS: EncoderInput = { width: 16, height: 16, fit: "fill", mean: [0, 0, 0], std: [1, 1, 1] };

/** Compares two generations, and raw pixels, on a sample of the stored images. Undefined where there are too few. */
export async function compareViews(
  active: Generation,
  candidate: Generation,
  { catalogue, images }: Pick<Storage, "catalogue" | "images">,
): Promise<ViewsComparison | undefined> {
  const numbers = await catalogue.contents.sample(SAMPLE);
  if (numbers.length < MIN_IMAGES) return undefined;
  const cropsOf = async (sha256: string) => {
    try {
      const bytes = await images.get(sha256);
      if (!bytes) return undefined; // deleted meanwhile
      const [one, other] = oppositeCorners(await readImageInfo(bytes)).map((region) => createPreparer(bytes, region));
      const by = (vectorOf: (prepare: Prepare) => Promise<Float32Array>): Promise<Views> =>
        Promise.all([vectorOf(one!), vectorOf(other!)]);
      return { before: await by(active.embed), after: await by(candidate.embed), pixels: await by(pixelVector) };
    } catch (error) {
      if (error instanceof AppError) return undefined; // such as `overloaded` or `file_damaged`: skip the image
      throw error;
    }
  };
  const sha256s = (await catalogue.contents.sha256s(numbers)).values();
  const crops = (await pMap(sha256s, cropsOf, { concurrency: AT_ONCE })).filter((views) => views !== undefined);
  if (crops.length < MIN_IMAGES) return undefined;
  const share = (kind: "before" | "after" | "pixels") => shareFound(crops.map((crop) => crop[kind]));
  return { images: crops.length, before: share("before"), after: share("after"), pixels: share("pixels") };
}

/** The vectors of an image's two crops, of unit norm. */
type Views = readonly [Float32Array, Float32Array];

function oppositeCorners({ width, height }: { width: number; height: number }): readonly [Region, Region] {
  const size = { width: Math.ceil(width * CROP), height: Math.ceil(height * CROP) };
  return [
    { x: 0, y: 0, ...size },
    { x: width - size.width, y: height - size.height, ...size },
  ];
}

const pixelVector = async (prepare: Prepare): Promise<Float32Array> =>
  centred(Float32Array.from(await prepare(PIXELS)));

/** The share of first crops whose nearest second crop is of the same image. */
function shareFound(views: readonly Views[]): number {
  const found = views.filter(([one, other], i) => {
    const own = dot(one, other);
    return views.every(([, another], j) => j === i || dot(one, another) < own);
  });
  return found.length / views.length;
}
