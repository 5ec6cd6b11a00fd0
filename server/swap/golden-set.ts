// Retrieval on a golden set: stored images whose metadata says which of them belong together. Images with the same
// value under the key are relevant to each other: a class of any size, or a pair.
import { averagePrecision } from "../../core/average-precision.ts";
import { dot } from "../../core/vector.ts";
import type { RetrievalComparison } from "../domain/swap.ts";
import type { Catalogue } from "../storage/ports.ts";

/** Most images of the set (a last group may exceed it), and of one group. */
const MAX_IMAGES = 1500;
const MAX_OF_GROUP = 20;
/** Most searches. */
const MAX_QUERIES = 300;
/** Embeddings read in one turn of the event loop. */
const CHUNK = 500;

/** A content and the group it belongs to. */
interface GoldenImage {
  readonly content: number;
  readonly group: string;
}

/** Knuth's multiplicative hash (2^32 / golden ratio): scatters numbers evenly, the same way every time. */
const scattered = (content: number) => Math.imul(content, 0x9e3779b9) >>> 0;

/**
 * Mean average precision of two encoders on the golden set: each image searches all others, exactly. Undefined where
 * fewer than two images belong together.
 *
 * @param key Key of the metadata whose value names the group.
 */
export async function compareRetrieval(
  key: string,
  { before, after }: { before: number; after: number },
  catalogue: Catalogue,
): Promise<Pick<RetrievalComparison, "images" | "before" | "after"> | undefined> {
  const images: GoldenImage[] = [];
  const vectors = { before: [] as Float32Array[], after: [] as Float32Array[] };
  for (const [i, image] of (await readGoldenSet(key, catalogue)).entries()) {
    const activeVector = await catalogue.embeddings.get(before, image.content);
    const candidateVector = await catalogue.embeddings.get(after, image.content);
    if (i % CHUNK === 0) await new Promise(setImmediate);
    if (!activeVector || !candidateVector) continue; // deleted meanwhile
    images.push(image);
    vectors.before.push(activeVector);
    vectors.after.push(candidateVector);
  }
  const groups = images.map(({ group }) => group);
  const queries = [...images.keys()].filter((i) => groups.some((group, j) => j !== i && group === groups[i]));
  const step = Math.max(1, Math.floor(queries.length / MAX_QUERIES));
  const sampled = queries.filter((_, i) => i % step === 0);
  if (sampled.length === 0) return undefined;
  return {
    images: images.length,
    before: await meanAveragePrecision(sampled, vectors.before, groups),
    after: await meanAveragePrecision(sampled, vectors.after, groups),
  };
}

async function readGoldenSet(key: string, catalogue: Catalogue): Promise<GoldenImage[]> {
  const groups = new Map<string, Set<number>>();
  for await (const batch of catalogue.images.each()) {
    for (const { content, metadata } of batch) {
      const value = metadata[key];
      if (typeof value !== "string" && typeof value !== "number") continue;
      const group = groups.get(`${value}`) ?? new Set();
      groups.set(`${value}`, group.add(content));
    }
  }
  const images: GoldenImage[] = [];
  for (const [group, contents] of groups) {
    if (contents.size < 2) continue;
    const some = [...contents].sort((a, b) => scattered(a) - scattered(b)).slice(0, MAX_OF_GROUP);
    images.push(...some.map((content) => ({ content, group })));
    if (images.length >= MAX_IMAGES) break;
  }
  return images;
}

async function meanAveragePrecision(
  queries: readonly number[],
  vectors: readonly Float32Array[],
  groups: readonly string[],
): Promise<number> {
  let sum = 0;
  for (const query of queries) {
    const scores = Float64Array.from(vectors, (vector) => dot(vectors[query]!, vector));
    const order = [...scores.keys()].filter((i) => i !== query).sort((a, b) => scores[b]! - scores[a]!);
    sum += averagePrecision(order.flatMap((i, rank) => (groups[i] === groups[query] ? [rank] : [])));
    await new Promise(setImmediate);
  }
  return sum / queries.length;
}
