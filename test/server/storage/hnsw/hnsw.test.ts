import assert from "node:assert/strict";
import { createExactIndex } from "../../../../server/storage/hnsw/exact.ts";
import { createHnswIndex } from "../../../../server/storage/hnsw/hnsw.ts";
import { unitVectors } from "../../../../support/vectors.ts";

const DIMENSIONS = 16;

describe("hnsw index, past the size of exact search", () => {
  const vectors = unitVectors(3000, DIMENSIONS);
  const queries = unitVectors(50, DIMENSIONS, 2);
  const exact = createExactIndex(DIMENSIONS);
  const hnsw = createHnswIndex(DIMENSIONS);
  for (const [key, vector] of vectors.entries()) {
    exact.add(key, vector);
    hnsw.add(key, vector);
  }

  const recallAt10 = () => {
    let found = 0;
    for (const query of queries) {
      const wanted = new Set(exact.search(query, 10).map(({ key }) => key));
      found += hnsw.search(query, 10).filter(({ key }) => wanted.has(key)).length;
    }
    return found / (queries.length * 10);
  };

  it("finds what exact search finds", () => {
    assert.ok(recallAt10() >= 0.95, `recall@10 ${recallAt10()}`);
    const report = hnsw.inspect(50);
    assert.equal(hnsw.size().keys, 3000);
    assert.ok(report.recallAt10 >= 0.95);
    assert.ok(report.spread > 0.9, `spread ${report.spread}`);
  });

  it("keeps its recall among many copies of one vector, and counts each copy as one key", () => {
    for (let key = 10_000; key < 12_000; key++) {
      exact.add(key, vectors[0]!);
      hnsw.add(key, vectors[0]!);
    }
    assert.equal(hnsw.size().keys, 5000);
    assert.ok(recallAt10() >= 0.95, `recall@10 ${recallAt10()}`);
    const copies = hnsw.search(vectors[0]!, 1000);
    assert.equal(copies.length, 1000);
    assert.ok(copies.every(({ key }) => key === 0 || key >= 10_000));
  });

  it("does not find what was removed, until it is added again", () => {
    for (let key = 0; key < 1500; key++) {
      exact.remove(key);
      hnsw.remove(key);
    }
    assert.equal(hnsw.size().tombstones, 1499);
    assert.ok(recallAt10() >= 0.95, `recall@10 ${recallAt10()}`);
    for (const query of queries) for (const { key } of hnsw.search(query, 10)) assert.ok(key >= 1500);
    hnsw.add(1, vectors[1]!);
    assert.equal(hnsw.search(vectors[1]!, 1)[0]!.key, 1);
    assert.equal(hnsw.size().tombstones, 1498);
  });

  it("reports a collapse", () => {
    const index = createHnswIndex(2);
    for (let key = 0; key < 100; key++) index.add(key, Float32Array.of(Math.cos(key * 1e-5), Math.sin(key * 1e-5)));
    assert.ok(index.inspect(10).spread < 1e-3);
  });
});
