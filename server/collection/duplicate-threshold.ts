// The score from which two images count as near-duplicates. It is another for each model, and for each kind of images,
// so it is measured: a copy that was trimmed, made smaller and saved again should be found.
import pMap from "p-map";
import sharp from "sharp";
import { AppError, ERRORS } from "../../core/errors.ts";
import { dot } from "../../core/vector.ts";
import type { Decoder } from "../decoding/decoder.ts";
import { createPreparer } from "../decoding/preparer.ts";
import type { Generation } from "../generation/generation.ts";
import { quantile, SAMPLE, scoresOfPairs } from "../generation/scores.ts";
import type { Storage } from "../storage/ports.ts";

/** Most contents of which a copy is made. */
const COPIES = 64;
/** Fewest contents for a meaningful result. */
const FEWEST = 5;
/** The threshold of a collection with fewer. */
const USUAL = 0.95;
/** Copies made at a time: few, so that live requests come in between. */
const AT_ONCE = 4;

/** What a copy has lost: a share of width and height at each edge, its size, and the quality of JPEG. */
const TRIMMED = 0.04;
const SCALE = 0.7;
const QUALITY = 60;
/** A copy is no larger, pixels of its longer side: encoders look at less. */
const LONGEST = 1024;

/** Share of the copies that may be missed. */
const MISSED = 0.05;
/** Share of random pairs that may count as near-duplicates, and the fewest pairs of which that says something. */
const RANDOM_ALIKE = 0.001;
const FEWEST_PAIRS = 10_000;

/** The threshold of a generation, 0..1. */
export type DuplicateThreshold = (generation: Generation) => Promise<number>;

/** What the threshold is measured with. */
export interface DuplicateThresholdDeps {
  readonly storage: Pick<Storage, "catalogue" | "images">;
  readonly decoder: Decoder;
}

/**
 * Makes the threshold for near-duplicates in a collection.
 *
 * Of up to 64 stored contents, spread evenly, a copy is made that lost 4 % at each edge, 30 % of its size and detail to
 * JPEG of quality 60. The threshold is the 5th percentile of the scores between image and copy. From 142 contents on
 * (10,000 pairs) it is never below the 99.9th percentile of random pairs: of fewer pairs, that would be the score of the
 * duplicates that there are, and they would not be found. Files that cannot be read are left out; with fewer than five
 * contents it is 0.95.
 *
 * It is measured once for each generation, and for a collection of fewer than 200 contents when their number has
 * changed. Who asks meanwhile waits for the same measurement. It rejects where the encoder is busy or gone.
 */
export function createDuplicateThreshold({
  storage: { catalogue, images },
  decoder,
}: DuplicateThresholdDeps): DuplicateThreshold {
  let latest: { generation: Generation; contents: number; threshold: Promise<number> } | undefined;

  /** The score between a stored image and a copy of it; undefined where there is none. */
  const scoreOfCopy = async (generation: Generation, content: number, sha256: string) => {
    try {
      const vector = await catalogue.embeddings.get(generation.encoder, content);
      const bytes = vector && (await images.get(sha256));
      if (!bytes) return undefined; // deleted meanwhile, or its file is missing
      return dot(vector, await generation.embed(createPreparer(decoder, await changedCopy(bytes, decoder))));
    } catch (error) {
      if (error instanceof AppError && !("retryAfter" in ERRORS[error.code])) return undefined; // the file's fault
      throw error;
    }
  };

  const measure = async (generation: Generation): Promise<number> => {
    const sha256s = await catalogue.contents.sha256s(await catalogue.contents.sample(COPIES));
    const copies = await pMap(sha256s, ([content, sha256]) => scoreOfCopy(generation, content, sha256), {
      concurrency: AT_ONCE,
    });
    const scores = copies.filter((score) => score !== undefined).sort((a, b) => a - b);
    if (scores.length < FEWEST) return USUAL;
    const vectors: Float32Array[] = [];
    for (const content of await catalogue.contents.sample(SAMPLE)) {
      const vector = await catalogue.embeddings.get(generation.encoder, content);
      if (vector) vectors.push(vector);
    }
    const pairs = await scoresOfPairs(vectors);
    const chance = pairs.length < FEWEST_PAIRS ? 0 : quantile(pairs, 1 - RANDOM_ALIKE);
    return Math.min(Math.max(quantile(scores, MISSED), chance, 0), 1);
  };

  return async (generation) => {
    const contents = Math.min(await catalogue.contents.count(), SAMPLE);
    if (latest?.generation === generation && latest.contents === contents) return latest.threshold;
    const begun = { generation, contents, threshold: measure(generation) };
    latest = begun;
    begun.threshold.catch(() => {
      if (latest === begun) latest = undefined;
    });
    return begun.threshold;
  };
}

async function changedCopy(bytes: Uint8Array, decoder: Decoder): Promise<Uint8Array> {
  const whole = await decoder.inspect(bytes);
  const [x, y] = [Math.round(whole.width * TRIMMED), Math.round(whole.height * TRIMMED)];
  const region = { x, y, width: whole.width - 2 * x, height: whole.height - 2 * y };
  const scale = Math.min(SCALE, LONGEST / Math.max(region.width, region.height));
  const scaled = (length: number) => Math.max(1, Math.round(length * scale));
  const size = { width: scaled(region.width), height: scaled(region.height) };
  const pixels = await decoder.pixels(bytes, { ...size, fit: "fill" }, region);
  return sharp(pixels, { raw: { ...size, channels: 3 } })
    .jpeg({ quality: QUALITY })
    .toBuffer();
}
