// Images that are nearly, or exactly, the same.
import type { StoredImage } from "../domain/image.ts";
import type { Generation } from "../generation/generation.ts";
import type { Catalogue } from "../storage/ports.ts";

/** Images that are linked by similarities of at least the threshold, directly or through each other. */
export interface DuplicateGroup {
  /** The lowest similarity of the links that hold the group together; 1 where all have the same bytes. */
  readonly similarity: number;
  /** True where all images have the same bytes. */
  readonly exact: boolean;
  /** Images with the same SHA-256 are exact duplicates of each other. */
  readonly images: readonly StoredImage[];
}

/** Nearest neighbours compared with each image. */
const NEIGHBOURS = 32;
/** Searches under way at a time; those of clients are answered in between. */
const SEARCHES = 16;

/**
 * All groups of at least two images, largest first. It searches once for each stored content, so it takes as long as
 * that many searches and misses the neighbours that the index misses.
 *
 * @param threshold Cosine similarity from which two images count as duplicates, −1..1.
 * @throws AppError `index_unavailable`.
 */
export async function findDuplicates(
  threshold: number,
  { generation, storage: { catalogue } }: { generation: Generation; storage: { readonly catalogue: Catalogue } },
): Promise<DuplicateGroup[]> {
  const sets = createDisjointSets();
  for await (const embeddings of catalogue.embeddings.list(generation.encoder, SEARCHES)) {
    const answers = await Promise.all(embeddings.map(({ vector }) => generation.index.nearest(vector, NEIGHBOURS)));
    for (const [i, { contents, scores }] of answers.entries()) {
      const { content } = embeddings[i]!;
      for (const [j, other] of contents.entries()) {
        if (scores[j]! >= threshold && other !== content) sets.join(content, other, scores[j]!);
      }
    }
  }
  for (const content of await catalogue.contents.ofSeveralImages()) sets.join(content, content, 1);
  const all = sets.all();
  const contents = all.flatMap(({ members }) => members);
  const imagesWith = await catalogue.images.withContents(contents);
  return all
    .map(({ members, weakest }) => {
      const images = members.sort((a, b) => a - b).flatMap((content) => imagesWith.get(content) ?? []);
      const exact = new Set(images.map(({ sha256 }) => sha256)).size === 1;
      return { similarity: exact ? 1 : weakest, exact, images };
    })
    .filter(({ images }) => images.length > 1)
    .sort((a, b) => b.images.length - a.images.length || b.similarity - a.similarity);
}

/** Union-find over numbers, with the weakest link of each set. */
function createDisjointSets() {
  const parents = new Map<number, number>();
  const weakest = new Map<number, number>();
  const rootOf = (key: number): number => {
    let root = key;
    for (let up = parents.get(root); up !== undefined && up !== root; up = parents.get(root)) root = up;
    parents.set(key, root);
    return root;
  };
  return {
    join(a: number, b: number, score: number): void {
      const [from, to] = [rootOf(a), rootOf(b)];
      // The two are connected already: this link joins nothing.
      if (from === to && weakest.has(to)) return;
      parents.set(from, to);
      weakest.set(to, Math.min(score, weakest.get(from) ?? 1, weakest.get(to) ?? 1));
    },
    all(): Array<{ members: number[]; weakest: number }> {
      const members = new Map<number, number[]>();
      for (const key of parents.keys()) {
        const root = rootOf(key);
        members.set(root, [...(members.get(root) ?? []), key]);
      }
      return [...members].map(([root, keys]) => ({ members: keys, weakest: weakest.get(root)! }));
    },
  };
}
