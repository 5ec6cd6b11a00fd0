// From the contents that an index finds to the images that were asked for.
import { type Filter, matchesFilter } from "../../domain/filter.ts";
import type { ImageMatch } from "../../domain/image.ts";
import type { Catalogue, Wanted } from "../ports.ts";
import type { IndexThread } from "./thread.ts";
import type { FoundKeys } from "./worker.ts";

/** Searches for one query while images are being deleted. */
const MAX_ATTEMPTS = 5;
/** Neighbours asked for per image wanted; a filter that leaves too few of them counts as selective. */
const FILTER_REACH = 4;

/**
 * The images nearest to a vector, best first; see `VectorIndex.search`.
 *
 * A filter is tried on the nearest neighbours first. Where it leaves too few of them, all contents that fit it are
 * compared with the query: that result is exact.
 */
export async function searchImages(
  query: Float32Array,
  wanted: Wanted,
  { index, catalogue }: { index: Pick<IndexThread, "search" | "searchAmong">; catalogue: Pick<Catalogue, "images"> },
): Promise<ImageMatch[]> {
  const { limit, minScore, leftOut, filter, own } = wanted;
  // Images may be deleted between the index's answer and the catalogue's. Then the index is asked again, so that the
  // next nearest images fill the gaps.
  for (let attempt = 1; ; attempt++) {
    const reach = (filter ? FILTER_REACH : 1) * limit + leftOut.size;
    let found = await index.search(query, reach);
    const mayHaveMore = found.keys.length === reach && (found.scores.at(-1) ?? -1) >= minScore;
    if (own !== undefined && !found.keys.includes(own)) {
      found = merged(await index.searchAmong(query, Float64Array.of(own), 1), found);
    }
    let { matches, vanished } = await imagesOf(found, wanted, catalogue);
    if (filter && matches.length < limit && mayHaveMore) {
      const contents = await contentsThatFit(filter, catalogue);
      found = await index.searchAmong(query, contents, limit + leftOut.size);
      ({ matches, vanished } = await imagesOf(found, wanted, catalogue));
    }
    if (!vanished || attempt === MAX_ATTEMPTS) return matches;
  }
}

/** Two lists of matches as one, best first. */
function merged(some: FoundKeys, others: FoundKeys): FoundKeys {
  const keys = [...some.keys, ...others.keys];
  const scores = [...some.scores, ...others.scores];
  const order = Array.from(keys.keys()).sort((a, b) => scores[b]! - scores[a]!);
  return {
    keys: order.map((i) => keys[i]!),
    scores: order.map((i) => scores[i]!),
  };
}

/** The images of found contents, and whether one of the contents has no image any more. */
async function imagesOf(
  { keys, scores }: FoundKeys,
  { limit, minScore, leftOut, filter }: Wanted,
  { images: catalogue }: Pick<Catalogue, "images">,
): Promise<{ matches: ImageMatch[]; vanished: boolean }> {
  const matches: ImageMatch[] = [];
  let vanished = false;
  const imagesWith = await catalogue.withContents(keys);
  for (const [i, content] of keys.entries()) {
    const score = scores[i]!;
    if (score < minScore || matches.length === limit) break;
    const images = imagesWith.get(content) ?? [];
    if (images.length === 0) vanished = true;
    for (const image of images) {
      const { id, width, height, metadata } = image;
      const fits = !leftOut.has(id) && (!filter || matchesFilter(filter, image));
      if (fits && matches.length < limit) matches.push({ id, score, width, height, metadata });
    }
  }
  return { matches, vanished };
}

/** Numbers of the contents with an image that fits the filter. */
async function contentsThatFit(
  filter: Filter,
  { images }: Pick<Catalogue, "images">,
): Promise<Float64Array<ArrayBuffer>> {
  const contents = new Set<number>();
  for await (const batch of images.each()) {
    for (const image of batch) if (matchesFilter(filter, image)) contents.add(image.content);
  }
  return Float64Array.from(contents);
}
