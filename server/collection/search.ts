// From a query to the images that it finds.
import type { ImageInfo, Region } from "../../core/decode.ts";
import { AppError } from "../../core/errors.ts";
import { sha256 } from "../../core/hash.ts";
import { norm } from "../../core/vector.ts";
import type { Decoder } from "../decoding/decoder.ts";
import { createPreparer } from "../decoding/preparer.ts";
import type { Filter } from "../domain/filter.ts";
import type { ImageMatch } from "../domain/image.ts";
import type { Shape } from "../domain/shape.ts";
import type { Generation } from "../generation/generation.ts";
import type { Storage } from "../storage/ports.ts";
import { embedShape } from "./shapes.ts";
import { storedBytes } from "./stored-file.ts";

/** Ids of stored images that matches should be like and unlike. They are left out of the matches. */
export interface Examples {
  readonly positive: readonly string[];
  readonly negative: readonly string[];
}

/**
 * What to search with: an image file or a stored image (which is left out of the matches), a region or the shape of a
 * thing in it, a vector of any norm, or examples. With examples beside it, an image counts as one more positive example.
 */
export type Query =
  | ({
      readonly image: Uint8Array;
      readonly region?: Region | undefined;
      readonly shape?: Shape | undefined;
    } & Partial<Examples>)
  | { readonly id: string; readonly shape?: Shape | undefined }
  | { readonly vector: readonly number[] }
  | Examples;

export interface SearchOptions {
  /** Matches at most, 1..1000. */
  readonly k: number;
  /** Matches to leave out first, those of earlier pages. @default 0 */
  readonly offset?: number | undefined;
  /** Leaves out matches with a lower cosine similarity, −1..1. */
  readonly minScore?: number | undefined;
  readonly filter?: Filter | undefined;
}

/** What a search works on. */
export interface SearchDeps {
  readonly generation: Generation;
  readonly decoder: Decoder;
  readonly storage: Pick<Storage, "catalogue" | "images">;
}

/**
 * The matches of a query in one generation, best first: those asked for, and whether there are more.
 *
 * Approximate search may miss any one image, but must not miss the query itself: where its bytes are stored, that
 * content is compared with the query whatever the index finds.
 *
 * @throws AppError `image_not_found`, `file_damaged`, `invalid_vector`, `invalid_request` for a region outside the image,
 *   and what embedding and the index throw.
 */
export async function search(
  query: Query,
  { k, offset = 0, minScore = -1, filter }: SearchOptions,
  deps: SearchDeps,
): Promise<{ matches: ImageMatch[]; hasMore: boolean }> {
  const { generation, storage } = deps;
  const vector = await embedQuery(query, deps);
  const { positive, negative } = examplesOf(query);
  const leftOut = new Set("id" in query ? [query.id] : [...positive, ...negative]);
  const limit = offset + k + 1;
  const isImageAlone = "image" in query && !query.region && !query.shape && leftOut.size === 0;
  const own = isImageAlone ? await storage.catalogue.contents.number(sha256(query.image)) : undefined;
  const matches = await generation.search(vector, { limit, minScore, leftOut, filter, own });
  return { matches: matches.slice(offset, offset + k), hasMore: matches.length === limit };
}

function examplesOf(query: Query): Examples {
  const { positive = [], negative = [] } = "id" in query || "vector" in query ? {} : query;
  return { positive, negative };
}

/** The query as a vector of unit norm. */
async function embedQuery(query: Query, deps: SearchDeps): Promise<Float32Array> {
  const { generation } = deps;
  if ("vector" in query) return checkVector(query.vector, generation.card.dimensions);
  if ("id" in query) {
    return query.shape
      ? embedShape(await storedBytes(query.id, deps.storage), query.shape, deps)
      : embeddingOf(query.id, deps);
  }
  const embeddingsOf = (ids: readonly string[]) => Promise.all(ids.map((id) => embeddingOf(id, deps)));
  const examples = examplesOf(query);
  const [given, more, negative] = await Promise.all([
    "image" in query ? [await embedGiven(query, deps)] : [],
    embeddingsOf(examples.positive),
    embeddingsOf(examples.negative),
  ]);
  const positive = [...given, ...more];
  if (positive.length === 1 && negative.length === 0) return positive[0]!;
  return checkVector(moreLike(positive, negative), generation.card.dimensions);
}

/**
 * positive + (positive − negative), each the mean of its vectors; without negative ones the mean of the positive ones.
 */
function moreLike(positive: readonly Float32Array[], negative: readonly Float32Array[]): number[] {
  const meanAt = (vectors: readonly Float32Array[], i: number) =>
    vectors.reduce((sum, vector) => sum + vector[i]!, 0) / vectors.length;
  return Array.from(positive[0]!, (_, i) => {
    const towards = meanAt(positive, i);
    return negative.length === 0 ? towards : towards + (towards - meanAt(negative, i));
  });
}

async function embedGiven(
  { image, region, shape }: Extract<Query, { readonly image: Uint8Array }>,
  { generation, decoder }: SearchDeps,
): Promise<Float32Array> {
  if (shape) return embedShape(image, shape, { generation, decoder });
  if (region) checkRegion(region, await decoder.inspect(image));
  return generation.embed(createPreparer(decoder, image, region));
}

async function embeddingOf(id: string, deps: SearchDeps): Promise<Float32Array> {
  const { generation, storage, decoder } = deps;
  const content = await storage.catalogue.contents.ofImage(id);
  const stored = content && (await storage.catalogue.embeddings.get(generation.encoder, content.number));
  return stored ?? generation.embed(createPreparer(decoder, await storedBytes(id, storage)));
}

function checkRegion({ x, y, width, height }: Region, info: ImageInfo): void {
  if (x + width <= info.width && y + height <= info.height) return;
  throw new AppError(
    "invalid_request",
    `Expected a region inside the image of ${info.width}×${info.height} pixels but received ${[x, y, width, height].join()}.`,
  );
}

function checkVector(values: readonly number[], dimensions: number): Float32Array {
  if (values.length !== dimensions) {
    throw new AppError("invalid_vector", `Expected a vector of ${dimensions} numbers but received ${values.length}.`);
  }
  const vector = new Float32Array(values);
  const length = norm(vector);
  if (!(length > 0 && Number.isFinite(length))) {
    throw new AppError("invalid_vector", "Expected a vector of finite numbers that are not all 0.");
  }
  for (let i = 0; i < vector.length; i++) vector[i]! /= length;
  return vector;
}
