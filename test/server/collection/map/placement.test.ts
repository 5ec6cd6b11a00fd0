// Places among landmarks, against what defines them.
import assert from "node:assert/strict";
import { createPlacer } from "../../../../server/collection/map/placement.ts";
import { mulberry32 } from "../../../../support/tiny-model.ts";
import { unitVectors } from "../../../../support/vectors.ts";

const D = 32;

describe("placing among landmarks", () => {
  it("puts an image where the landmark that is like it lies", () => {
    const landmarks = joined(unitVectors(400, D, 1));
    const random = mulberry32(2);
    const places = Float32Array.from({ length: 800 }, () => random());
    const placed = createPlacer(landmarks, places, D)(landmarks);
    for (const [i, value] of placed.entries()) assert.ok(Math.abs(value - places[i]!) < 0.02, `${value} ${places[i]}`);
  });

  it("puts an image between those that it is like, and within the map", () => {
    const [a, b, ...others] = unitVectors(50, D, 3);
    const landmarks = joined([a!, b!, ...others]);
    const places = Float32Array.from([0, 0, 1, 1, ...others.flatMap(() => [0, 1])]);
    const middle = a!.map((value, d) => value + b![d]!);
    const norm = Math.hypot(...middle);
    const [x, y] = createPlacer(landmarks, places, D)(middle.map((value) => value / norm));
    assert.ok(Math.abs(x! - 0.5) < 0.05 && Math.abs(y! - 0.5) < 0.05, `${x} ${y}`);
  });

  it("finds nearly always the landmarks that a search through all of them finds, in groups as images form", () => {
    const kinds = unitVectors(40, D, 4);
    const noise = unitVectors(2200, D, 5);
    const [landmarks, queries] = [noise.slice(0, 2000), noise.slice(2000)].map((some) =>
      some.map((vector, i) => {
        const sum = vector.map((value, d) => 0.8 * value + kinds[i % 40]![d]!);
        const norm = Math.hypot(...sum);
        return sum.map((value) => value / norm);
      }),
    ) as [Float32Array[], Float32Array[]];
    // Each landmark has a place of its own, so that a place tells which one was found.
    const places = Float32Array.from(landmarks.flatMap((_, i) => [i, i]));
    const alone = createPlacer(joined(landmarks), places, D);
    let near = 0;
    for (const query of queries) {
      const scores = landmarks.map((landmark) => landmark.reduce((sum, value, d) => sum + value * query[d]!, 0));
      const best = Math.max(...scores);
      const [at] = alone(query);
      // The weighted mean of a few lies between the first and last of them; the best has the largest weight.
      const nearest = scores.map((score, i) => ({ score, i })).sort((p, q) => q.score - p.score);
      const expected = weightedMean(nearest.slice(0, 4), best);
      if (Math.abs(at! - expected) < 1) near++;
    }
    assert.ok(near >= 190, `${near} of 200 as an exhaustive search places them`);
  });

  it("gives the same places every time, and copies of one image places beside each other", () => {
    const landmarks = joined(unitVectors(100, D, 7));
    const places = Float32Array.from({ length: 200 }, (_, i) => (i % 14) / 14);
    const copies = joined(Array.from({ length: 20 }, () => unitVectors(1, D, 8)[0]!));
    const first = createPlacer(landmarks, places, D)(copies);
    assert.deepEqual(createPlacer(landmarks, places, D)(copies), first);
    const xs = [...first].filter((_, i) => i % 2 === 0);
    assert.equal(new Set(xs).size, 20);
    assert.ok(Math.max(...xs) - Math.min(...xs) < 0.02);
  });
});

function weightedMean(found: ReadonlyArray<{ score: number; i: number }>, best: number): number {
  const weights = found.map(({ score }) => Math.exp((score - best) / 0.05));
  return found.reduce((sum, { i }, k) => sum + i * weights[k]!, 0) / weights.reduce((sum, weight) => sum + weight, 0);
}

function joined(vectors: readonly Float32Array[]): Float32Array {
  const all = new Float32Array(vectors.length * D);
  for (const [i, vector] of vectors.entries()) all.set(vector, i * D);
  return all;
}
