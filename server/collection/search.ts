// From a query to the images that it finds.
import { type Region, readImageInfo } from "../../core/decode.ts";
import { AppError } from "../../core/errors.ts";
import { sha256 } from "../../core/hash.ts";
import { normalised } from "../../core/vector.ts";
import type { Filter } from "../domain/filter.ts";
import type { ImageMatch } from "../domain/image.ts";
import { createPreparer } from "../encoder/preparer.ts";
import type { Generation } from "../generation/generation.ts";
import type { Storage } from "../storage/ports.ts";

/** Ids of stored images that matches should be like and unlike. They are left out of the matches. */
export interface Examples {
  readonly positive: readonly string[];
  readonly negative: readonly string[];
}

/**
 * What to search with: an image file or a region of it, a stored image (which is left out of the matches), a vector of
 * any norm, or examples. With examples beside it, an image counts as one more positive example.
 */
export type Query =
  | ({ readonly image: Uint8Array; readonly region?: Region | undefined } & Partial<Examples>)
  | { readonly id: string }
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
  readonly storage: Pick<Storage, "catalogue" | "images">;
}

/**
 * The matches of a query in one generation, best first: those asked for, and whether there are more.
 *
 * Approximate search may miss any one image, but must not miss the query itself: where its bytes are stored, that
 * content is compared with the query whatever the index finds.
 *
 * @throws AppError `image_not_found`, `invalid_vector`, `invalid_request` for a region outside the image, and what
 *   embedding and the index throw.
 */
export async function search(
  query: Query,
  { k, offset = 0, minScore = -1, filter }: SearchOptions,
  { generation, storage }: SearchDeps,
): Promise<{ matches: ImageMatch[]; hasMore: boolean }> {
  const vector = await embedQuery(query, generation, storage);
  const { positive, negative } = examplesOf(query);
  const leftOut = new Set("id" in query ? [query.id] : [...positive, ...negative]);
  const limit = offset + k + 1;
  const isImageAlone = "image" in query && !query.region && leftOut.size === 0;
  const own = isImageAlone ? await storage.catalogue.contents.number(sha256(query.image)) : undefined;
  const matches = await generation.search(vector, { limit, minScore, leftOut, filter, own });
  return { matches: matches.slice(offset, offset + k), hasMore: matches.length === limit };
}

function examplesOf(query: Query): Examples {
  const { positive = [], negative = [] } = "id" in query || "vector" in query ? {} : query;
  return { positive, negative };
}

/** The query as a vector of unit norm. */
async function embedQuery(query: Query, generation: Generation, storage: SearchDeps["storage"]): Promise<Float32Array> {
  if ("vector" in query) return checkVector(query.vector, generation.card.dimensions);
  if ("id" in query) return embeddingOf(query.id, generation, storage);
  const embeddingsOf = (ids: readonly string[]) => Promise.all(ids.map((id) => embeddingOf(id, generation, storage)));
  const examples = examplesOf(query);
  const [given, more, negative] = await Promise.all([
    "image" in query ? [await embedGiven(query.image, query.region, generation)] : [],
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
  image: Uint8Array,
  region: Region | undefined,
  generation: Generation,
): Promise<Float32Array> {
  if (region) await checkRegion(image, region);
  return generation.embed(createPreparer(image, region));
}

async function embeddingOf(id: string, generation: Generation, storage: SearchDeps["storage"]): Promise<Float32Array> {
  const { catalogue, images } = storage;
  const content = await catalogue.contents.ofImage(id);
  const stored = content && (await catalogue.embeddings.get(generation.encoder, content.number));
  if (stored) return stored;
  const bytes = content && (await images.get(content.sha256));
  if (!bytes) throw new AppError("image_not_found", `There is no image ${JSON.stringify(id)}.`);
  return generation.embed(createPreparer(bytes));
}

async function checkRegion(image: Uint8Array, { x, y, width, height }: Region): Promise<void> {
  const info = await readImageInfo(image);
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
  const vector = normalised(Float32Array.from(values));
  if (!vector.every(Number.isFinite) || vector.every((value) => value === 0)) {
    throw new AppError("invalid_vector", "Expected a vector of finite numbers that are not all 0.");
  }
  return vector;
}
