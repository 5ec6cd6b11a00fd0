// What a change of model changes: which images are whose neighbours, and what a score means.
import { dot } from "../../core/vector.ts";
import type { Comparison, Quantiles, ScoreDistribution } from "../domain/swap.ts";
import type { Generation } from "../generation/generation.ts";
import type { Catalogue } from "../storage/ports.ts";

/** Contents compared. All pairs of them make the distribution of scores. */
const SAMPLE = 200;
const NEIGHBOURS = 10;
/** Examples of images whose neighbours changed most. */
const EXAMPLES = 10;
/** One in this many random pairs of images scores at or above the threshold. */
const PAIRS_PER_MATCH = 1000;

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
  const nearest = { before: [] as number[], after: [] as number[] };
  for (const content of await catalogue.contents.sample(SAMPLE)) {
    const activeVector = await catalogue.embeddings.get(active.encoder, content);
    const candidateVector = await catalogue.embeddings.get(candidate.encoder, content);
    if (!activeVector || !candidateVector) continue; // deleted meanwhile
    vectors.before.push(activeVector);
    vectors.after.push(candidateVector);
    const [before, after] = await Promise.all([
      neighbours(active, content, activeVector),
      neighbours(candidate, content, candidateVector),
    ]);
    if (before.keys.length === 0 || after.keys.length === 0) continue;
    nearest.before.push(before.scores[0]!);
    nearest.after.push(after.scores[0]!);
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
    ...(compared.length > 0 && {
      scores: {
        before: await distribution(vectors.before, nearest.before),
        after: await distribution(vectors.after, nearest.after),
      },
    }),
  };
}

/** The nearest other contents, best first. */
async function neighbours({ index }: Generation, content: number, vector: Float32Array) {
  const { contents, scores } = await index.nearest(vector, NEIGHBOURS + 1);
  const others = [...contents.keys()].filter((i) => contents[i] !== content).slice(0, NEIGHBOURS);
  return { keys: others.map((i) => contents[i]!), scores: others.map((i) => scores[i]!) };
}

async function distribution(vectors: readonly Float32Array[], nearest: readonly number[]): Promise<ScoreDistribution> {
  const random: number[] = [];
  for (const [i, vector] of vectors.entries()) {
    for (const other of vectors.slice(i + 1)) random.push(dot(vector, other));
    await new Promise(setImmediate);
  }
  const ascending = random.sort((a, b) => a - b);
  return {
    random: quantiles(ascending),
    nearest: quantiles([...nearest].sort((a, b) => a - b)),
    threshold: quantile(ascending, 1 - 1 / PAIRS_PER_MATCH),
  };
}

const quantile = (ascending: readonly number[], q: number) =>
  ascending[Math.min(ascending.length - 1, Math.floor(q * ascending.length))]!;

function quantiles(ascending: readonly number[]): Quantiles {
  const [p1, p5, p25, p50, p75, p95, p99] = [0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99].map((q) =>
    quantile(ascending, q),
  ) as [number, number, number, number, number, number, number];
  return { p1, p5, p25, p50, p75, p95, p99 };
}
