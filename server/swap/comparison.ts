// What a change of model changes: which images are whose neighbours, and what a score means.
import type { Comparison } from "../domain/swap.ts";
import type { Generation } from "../generation/generation.ts";
import { distributionOf, neighboursOf, SAMPLE } from "../generation/scores.ts";
import type { Catalogue } from "../storage/ports.ts";

/** Examples of images whose neighbours changed most. */
const EXAMPLES = 10;

interface Compared {
  readonly content: number;
  readonly before: readonly number[];
  readonly after: readonly number[];
  readonly overlap: number;
  readonly scores: { readonly before: readonly number[]; readonly after: readonly number[] };
}

/** Compares a candidate with the generation that it is to replace, over a sample of what is stored. */
export async function compareGenerations(
  active: Generation,
  candidate: Generation,
  catalogue: Catalogue,
): Promise<Comparison> {
  const compared: Compared[] = [];
  const vectors = { before: [] as Float32Array[], after: [] as Float32Array[] };
  const nearest = { before: [] as number[][], after: [] as number[][] };
  for (const content of await catalogue.contents.sample(SAMPLE)) {
    const activeVector = await catalogue.embeddings.get(active.encoder, content);
    const candidateVector = await catalogue.embeddings.get(candidate.encoder, content);
    if (!activeVector || !candidateVector) continue; // deleted meanwhile
    vectors.before.push(activeVector);
    vectors.after.push(candidateVector);
    const [before, after] = await Promise.all([
      neighboursOf(active, content, activeVector),
      neighboursOf(candidate, content, candidateVector),
    ]);
    if (before.keys.length === 0 || after.keys.length === 0) continue;
    nearest.before.push(before.scores);
    nearest.after.push(after.scores);
    const kept = before.keys.filter((key) => after.keys.includes(key)).length;
    compared.push({
      content,
      before: before.keys,
      after: after.keys,
      overlap: kept / before.keys.length,
      scores: { before: before.scores, after: after.scores },
    });
  }
  // A content may have been deleted meanwhile.
  const matchesOf = async (contents: readonly number[], scores: readonly number[]) => {
    const imagesWith = await catalogue.images.withContents(contents);
    const matches = contents.flatMap((content, i) => {
      const image = imagesWith.get(content)?.[0];
      return image ? [{ id: image.id, score: scores[i]! }] : [];
    });
    return { ids: matches.map(({ id }) => id), scores: matches.map(({ score }) => score) };
  };
  const changed = [...compared].sort((a, b) => a.overlap - b.overlap).slice(0, EXAMPLES);
  const changedMost: Comparison["neighbours"]["changedMost"] = [];
  for (const { content, overlap, ...found } of changed) {
    const before = await matchesOf(found.before, found.scores.before);
    const after = await matchesOf(found.after, found.scores.after);
    const scores = { before: before.scores, after: after.scores };
    const [id] = (await matchesOf([content], [1])).ids;
    if (id !== undefined) changedMost.push({ id, overlapAt10: overlap, before: before.ids, after: after.ids, scores });
  }
  return {
    neighbours: {
      sample: compared.length,
      overlapAt10: compared.reduce((sum, { overlap }) => sum + overlap, 0) / Math.max(1, compared.length),
      changedMost,
    },
    ...(compared.length > 1 && {
      scores: {
        before: await distributionOf(vectors.before, nearest.before),
        after: await distributionOf(vectors.after, nearest.after),
      },
    }),
  };
}
