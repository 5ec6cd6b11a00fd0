// From a query to the images that it finds.
import { type Region, readImageInfo } from "../../core/decode.ts";
import { AppError } from "../../core/errors.ts";
import { sha256 } from "../../core/hash.ts";
import { normalised } from "../../core/vector.ts";
import { type Filter, matchesFilter } from "../domain/filter.ts";
import { createPreparer } from "../encoder/preparer.ts";
import type { Generation } from "../generation/generation.ts";
import type { FoundKeys } from "../storage/hnsw/worker.ts";
import type { Store } from "../storage/open.ts";
import type { Metadata } from "../storage/sqlite/image-records.ts";

/** Ids of stored images that matches should be like and unlike. They are left out of the matches. */
export interface Examples {
  readonly positive: readonly string[];
  readonly negative: readonly string[];
}

/**
 * What to search with: an image file or a region of it, a stored image (which is left out of the matches), a vector of
 * any norm, or examples. Examples beside an image: the image is one more of the positive ones.
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

export interface ImageMatch {
  readonly id: string;
  /** Cosine similarity, −1..1. */
  readonly score: number;
  readonly metadata: Metadata;
}

/** Searches for one query, where images are deleted meanwhile. */
const MAX_ATTEMPTS = 5;
/** Neighbours asked for, for each match wanted, before a filter is taken to be selective. */
const FILTER_REACH = 4;
/** Images whose metadata is looked at in one turn of the event loop. */
const FILTER_CHUNK = 1000;

/**
 * The matches of a query in one generation, best first: those asked for, and whether there are more.
 *
 * Graph search may pass over any one image, but never over the one that was searched with: where the query's bytes are
 * stored they are looked up.
 *
 * A filter is tried on the nearest neighbours first. Where it leaves too few of them, the contents that it fits are
 * compared with the query one by one: the result is exact.
 *
 * @throws AppError `image_not_found`, `invalid_vector`, `invalid_request` for a region outside the image, and what
 *   embedding and the index throw.
 */
export async function search(
  query: Query,
  { k, offset = 0, minScore = -1, filter }: SearchOptions,
  { generation, store }: { generation: Generation; store: Store },
): Promise<{ matches: ImageMatch[]; hasMore: boolean }> {
  const vector = await embedQuery(query, generation, store);
  const { positive, negative } = examplesOf(query);
  const leftOut = new Set("id" in query ? [query.id] : [...positive, ...negative]);
  const limit = offset + k + 1;
  const wanted = { limit, minScore, leftOut, filter };
  const own = storedQuery(query, store);
  // Images may be deleted between the index's answer and ours. Then the index is asked again, so that the next nearest
  // take their places.
  for (let attempt = 1; ; attempt++) {
    const reach = (filter ? FILTER_REACH : 1) * limit + leftOut.size;
    let found = await generation.index.search(vector, reach);
    const mayHaveMore = found.keys.length === reach && (found.scores.at(-1) ?? -1) >= minScore;
    if (own !== undefined && !found.keys.includes(own)) {
      found = merged(await generation.index.searchAmong(vector, Float64Array.of(own), 1), found);
    }
    let { matches, vanished } = imagesOf(found, wanted, store);
    if (filter && matches.length < limit && mayHaveMore) {
      const contents = await contentsThatFit(filter, store);
      found = await generation.index.searchAmong(vector, contents, limit + leftOut.size);
      ({ matches, vanished } = imagesOf(found, wanted, store));
    }
    if (vanished && attempt < MAX_ATTEMPTS) continue;
    return { matches: matches.slice(offset, offset + k), hasMore: matches.length === limit };
  }
}

function examplesOf(query: Query): Examples {
  const { positive = [], negative = [] } = "id" in query || "vector" in query ? {} : query;
  return { positive, negative };
}

/** The content that the query's bytes are stored as, where nothing but a whole image is searched with. */
function storedQuery(query: Query, store: Store): number | undefined {
  const { positive, negative } = examplesOf(query);
  const isImageAlone = "image" in query && !query.region && positive.length + negative.length === 0;
  return isImageAlone ? store.images.contentNumber(sha256(query.image)) : undefined;
}

/** Two lists of matches as one, best first. */
function merged(some: FoundKeys, others: FoundKeys): FoundKeys {
  const keys = [...some.keys, ...others.keys];
  const scores = [...some.scores, ...others.scores];
  const order = Array.from(keys.keys()).sort((a, b) => scores[b]! - scores[a]!);
  return {
    keys: Float64Array.from(order, (i) => keys[i]!),
    scores: Float32Array.from(order, (i) => scores[i]!),
  };
}

/** The query as a vector of unit norm. */
async function embedQuery(query: Query, generation: Generation, store: Store): Promise<Float32Array> {
  if ("vector" in query) return checkVector(query.vector, generation.card.dimensions);
  if ("id" in query) return embeddingOf(query.id, generation, store);
  const embeddingsOf = (ids: readonly string[]) => Promise.all(ids.map((id) => embeddingOf(id, generation, store)));
  const { positive, negative } = examplesOf(query);
  const [given, more, less] = await Promise.all([
    "image" in query ? [await embedGiven(query.image, query.region, generation)] : [],
    embeddingsOf(positive),
    embeddingsOf(negative),
  ]);
  const towards = [...given, ...more];
  if (towards.length === 1 && less.length === 0) return towards[0]!;
  return checkVector(moreLike(towards, less), generation.card.dimensions);
}

/** positive + (positive − negative), each the mean of its vectors; without negative ones the mean of the positive ones. */
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

async function embeddingOf(id: string, generation: Generation, store: Store): Promise<Float32Array> {
  const content = store.images.contentOf(id);
  if (!content) throw new AppError("image_not_found", `There is no image ${JSON.stringify(id)}.`);
  const stored = store.embeddings.get(generation.encoder, content.number);
  return stored ?? generation.embed(createPreparer(await store.files.read(content.sha256)));
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

/** The images of found contents, and whether a content has none any more. */
function imagesOf(
  { keys, scores }: FoundKeys,
  wanted: { limit: number; minScore: number; leftOut: ReadonlySet<string>; filter: Filter | undefined },
  store: Store,
): { matches: ImageMatch[]; vanished: boolean } {
  const { limit, minScore, leftOut, filter } = wanted;
  const matches: ImageMatch[] = [];
  let vanished = false;
  const imagesWith = store.images.withContents(keys);
  for (const [i, content] of keys.entries()) {
    const score = scores[i]!;
    if (score < minScore || matches.length === limit) break;
    const images = imagesWith.get(content) ?? [];
    if (images.length === 0) vanished = true;
    for (const { id, metadata } of images) {
      const fits = !leftOut.has(id) && (!filter || matchesFilter(filter, metadata));
      if (fits && matches.length < limit) matches.push({ id, score, metadata });
    }
  }
  return { matches, vanished };
}

/** Numbers of the contents that have an image which fits. */
async function contentsThatFit(filter: Filter, store: Store): Promise<Float64Array<ArrayBuffer>> {
  const contents = new Set<number>();
  for (let cursor = 0; ; ) {
    const images = store.images.metadataAfter(cursor, FILTER_CHUNK);
    if (images.length === 0) return Float64Array.from(contents);
    cursor = images.at(-1)!.number;
    for (const { content, metadata } of images) if (matchesFilter(filter, metadata)) contents.add(content);
    await new Promise(setImmediate);
  }
}
