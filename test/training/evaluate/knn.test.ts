import assert from "node:assert/strict";
import { knn } from "../../../training/evaluate/knn.ts";
import { randomEmbeddings, sortedByDistance, unitRows } from "./fixtures.ts";

describe("knn", () => {
  it("lets near neighbours outvote more numerous far ones, as the temperature says", async () => {
    const database = {
      embeddings: unitRows([
        [1, 0.1],
        [0, 1],
        [0, 1],
      ]),
      labels: ["near", "far", "far"],
    };
    const query = { embeddings: unitRows([[1, 0]]), labels: ["near"] };
    assert.deepEqual(await knn(query, database), { top1: 1 });
    // exp(0.995/10) = 1.10 for "near", 2 · exp(0) = 2 for "far"
    assert.deepEqual(await knn(query, database, { temperature: 10 }), { top1: 0 });
    assert.deepEqual(await knn(query, database, { temperature: 10, k: 1 }), { top1: 1 });
  });

  it("agrees with sorting all distances and counting weighted votes", async () => {
    const dimensions = 7;
    const queries = randomEmbeddings(1, 300, dimensions, 4);
    const database = randomEmbeddings(2, 500, dimensions, 4);
    const classify = (query: number) => {
      const q = queries.embeddings.subarray(query * dimensions, (query + 1) * dimensions);
      const votes: Record<string, number> = {};
      for (const index of sortedByDistance(q, database).slice(0, 20)) {
        const row = database.embeddings.subarray(index * dimensions, (index + 1) * dimensions);
        const similarity = q.reduce((sum, v, i) => sum + v * row[i]!, 0);
        votes[database.labels[index]!] = (votes[database.labels[index]!] ?? 0) + Math.exp(similarity / 0.1);
      }
      return Object.entries(votes).sort((a, b) => b[1] - a[1])[0]![0];
    };
    const correct = queries.labels.filter((label, query) => classify(query) === label).length;
    assert.ok(correct > 100 && correct < 300);
    assert.deepEqual(await knn(queries, database, { k: 20 }), { top1: correct / 300 });
  });

  it("leaves each image out where the queries are the database", async () => {
    const pairs = {
      embeddings: unitRows([
        [1, 0],
        [1, 0.01],
        [0, 1],
        [0.01, 1],
      ]),
      labels: ["a", "a", "b", "c"],
    };
    assert.deepEqual(await knn(pairs, undefined, { k: 1 }), { top1: 0.5 });
    assert.deepEqual(await knn(pairs, { ...pairs }, { k: 1 }), { top1: 1 });
  });

  it("takes all neighbours where there are fewer than k, and refuses none at all", async () => {
    const one = { embeddings: unitRows([[1, 0]]), labels: ["a"] };
    assert.deepEqual(await knn(one, { ...one }), { top1: 1 });
    await assert.rejects(knn(one), RangeError);
    await assert.rejects(knn({ embeddings: new Float32Array(0), labels: [] }, one), RangeError);
    await assert.rejects(knn({ embeddings: new Float32Array(3), labels: ["a"] }, one), RangeError);
  });
});
