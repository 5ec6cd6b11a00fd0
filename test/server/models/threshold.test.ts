import assert from "node:assert/strict";
import { dot } from "../../../core/vector.ts";
import type { Generation } from "../../../server/generation/generation.ts";
import { createGenerations } from "../../../server/generation/generations.ts";
import { createThreshold } from "../../../server/models/threshold.ts";
import type { Catalogue } from "../../../server/storage/ports.ts";
import { unitVectors } from "../../../support/vectors.ts";

/** A generation over vectors in memory, searched exactly. */
function collectionOf(vectors: Float32Array[]) {
  let measurements = 0;
  const nearest = async (query: Float32Array, k: number) => {
    const found = vectors.map((vector, content) => ({ content, score: dot(query, vector) }));
    const best = found.sort((a, b) => b.score - a.score).slice(0, k);
    return { contents: best.map(({ content }) => content), scores: best.map(({ score }) => score) };
  };
  const generation = { number: 1, encoder: 1, index: { nearest } } as unknown as Generation;
  const generations = createGenerations();
  generations.switchTo({ ...generation, use: (action) => action(generation) });
  const catalogue = {
    contents: {
      count: async () => vectors.length,
      sample: async (limit: number) => {
        measurements++;
        return [...vectors.keys()].slice(0, limit);
      },
    },
    embeddings: { get: async (_encoder: number, content: number) => vectors[content] },
  } as unknown as Catalogue;
  return { threshold: createThreshold({ generations, catalogue }), measurements: () => measurements };
}

describe("the threshold of a collection", () => {
  it("is known from the second image on", async () => {
    const [first, second] = unitVectors(2, 8, 1) as [Float32Array, Float32Array];
    const vectors: Float32Array[] = [];
    const { threshold } = collectionOf(vectors);
    assert.equal(await threshold(), undefined);
    vectors.push(first);
    assert.equal(await threshold(), undefined);
    vectors.push(second);
    assert.ok(Math.abs((await threshold())! - dot(first, second)) < 1e-6);
  });

  it("leaves ten matches of a typical search where images come in groups, and one random pair in a hundred where not", async () => {
    const centres = unitVectors(10, 16, 2);
    const noise = unitVectors(1200, 16, 3);
    const grouped = noise.map((vector, i) => {
      const sum = vector.map((value, d) => 0.3 * value + centres[i % 10]![d]!);
      const norm = Math.hypot(...sum);
      return sum.map((value) => value / norm);
    });
    const alike = (await collectionOf(grouped).threshold())!;
    const passing = grouped.map((vector) => grouped.filter((other) => other !== vector && dot(vector, other) >= alike));
    const counts = passing.map(({ length }) => length).sort((a, b) => a - b);
    assert.ok(counts[600]! >= 8 && counts[600]! <= 12, `a typical image has ${counts[600]}`);

    const few = unitVectors(50, 16, 4);
    const chance = (await collectionOf(few).threshold())!;
    const pairs = few.flatMap((vector, i) => few.slice(i + 1).map((other) => dot(vector, other)));
    const share = pairs.filter((score) => score >= chance).length / pairs.length;
    assert.ok(share > 0.005 && share <= 0.01, `${share} of random pairs`);
  });

  it("is measured again once a tenth of the collection has changed", async () => {
    const all = unitVectors(60, 8, 5);
    const vectors = all.slice(0, 50);
    const { threshold, measurements } = collectionOf(vectors);
    await threshold();
    await threshold();
    vectors.push(...all.slice(50, 54));
    await threshold();
    assert.equal(measurements(), 1);
    vectors.push(...all.slice(54, 56));
    await threshold();
    assert.equal(measurements(), 2);
  });
});
