// From a query to the images that it finds.
import { type Region, readImageInfo } from "../../core/decode.ts";
import { AppError } from "../../core/errors.ts";
import { sha256 } from "../../core/model-folder.ts";
import { normalised } from "../../core/vector.ts";
import type { Filter } from "../domain/filter.ts";
import type { ImageMatch } from "../domain/image.ts";
import { createPreparer } from "../encoder/preparer.ts";
import type { Generation } from "../generation/generation.ts";
import type { Storage } from "../storage/ports.ts";

/**
 * What to search with: an image file or a region of it, a stored image, a vector of any norm, or stored images that
 * matches should be like (`positive`) and unlike (`negative`). Stored images of the query are left out of the matches.
 */
export type Query =
  | { readonly image: Uint8Array; readonly region?: Region | undefined }
  | { readonly id: string }
  | { readonly vector: readonly number[] }
  | { readonly positive: readonly string[]; readonly negative: readonly string[] };

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
 * Graph search may pass over any one image, but never over the one that was searched with: where the query's bytes are
 * stored they are looked up.
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
  const leftOut = new Set(
    "id" in query ? [query.id] : "positive" in query ? [...query.positive, ...query.negative] : [],
  );
  const limit = offset + k + 1;
  const isWhole = "image" in query && !query.region;
  const own = isWhole ? await storage.catalogue.contents.number(sha256(query.image)) : undefined;
  const matches = await generation.search(vector, { limit, minScore, leftOut, filter, own });
  return { matches: matches.slice(offset, offset + k), hasMore: matches.length === limit };
}

/** The query as a vector of unit norm. */
async function embedQuery(query: Query, generation: Generation, storage: SearchDeps["storage"]): Promise<Float32Array> {
  if ("image" in query) {
    if (query.region) await checkRegion(query.image, query.region);
    return generation.embed(createPreparer(query.image, query.region));
  }
  if ("vector" in query) return checkVector(query.vector, generation.card.dimensions);
  if ("id" in query) return embeddingOf(query.id, generation, storage);
  const meanOf = async (ids: readonly string[]) => {
    const vectors = await Promise.all(ids.map((id) => embeddingOf(id, generation, storage)));
    return new Float32Array(generation.card.dimensions).map(
      (_, i) => vectors.reduce((sum, vector) => sum + vector[i]!, 0) / Math.max(1, vectors.length),
    );
  };
  const [positive, negative] = await Promise.all([meanOf(query.positive), meanOf(query.negative)]);
  // As far beyond the mean of the positive ones as that is away from the negative ones.
  const target = query.negative.length === 0 ? positive : positive.map((value, i) => 2 * value - negative[i]!);
  return checkVector([...target], generation.card.dimensions);
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
