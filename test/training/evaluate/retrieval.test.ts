import assert from "node:assert/strict";
import fc from "fast-check";
import { type RetrievalResult, retrieval } from "../../../training/evaluate/retrieval.ts";
import { randomEmbeddings, sortedByDistance, unitRows } from "./fixtures.ts";

function assertClose(actual: RetrievalResult, expected: RetrievalResult) {
  for (const key of Object.keys(expected) as (keyof RetrievalResult)[]) {
    assert.ok(Math.abs(actual[key] - expected[key]) < 1e-9, `${key}: ${actual[key]}, expected ${expected[key]}`);
  }
}

/** Images on a quarter circle, so that the query at the start finds them in this order. */
const inOrder = (labels: string[]) => ({
  embeddings: unitRows(
    labels.map((_, i) => [Math.cos((i * Math.PI) / 2 / labels.length), Math.sin((i * Math.PI) / 2 / labels.length)]),
  ),
  labels,
});

const queryOf = (label: string) => ({ embeddings: unitRows([[1, 0]]), labels: [label] });

describe("retrieval", () => {
  it("gives what is computed by hand", async () => {
    // Relevant at ranks 2, 3 and 12: average precision (1/2 + 2/3 + 3/12) / 3.
    const database = inOrder(["x", "a", "a", "x", "x", "x", "x", "x", "x", "x", "x", "a"]);
    assertClose(await retrieval(queryOf("a"), database), {
      recallAt1: 0,
      recallAt5: 1,
      recallAt10: 1,
      precisionAt10: 0.2,
      mAP: (1 / 2 + 2 / 3 + 1 / 4) / 3,
      queries: 1,
    });
    assertClose(await retrieval(queryOf("x"), database), {
      recallAt1: 1,
      recallAt5: 1,
      recallAt10: 1,
      precisionAt10: 0.8,
      mAP: (1 + 2 / 4 + 3 / 5 + 4 / 6 + 5 / 7 + 6 / 8 + 7 / 9 + 8 / 10 + 9 / 11) / 9,
      queries: 1,
    });
  });

  it("leaves each image out where the queries are the database", async () => {
    // At 0°, 30° and 60°: each "a" finds "b" first and the other "a" second; "b" has no other of its label.
    const images = inOrder(["a", "b", "a"]);
    assertClose(await retrieval(images), {
      recallAt1: 0,
      recallAt5: 1,
      recallAt10: 1,
      precisionAt10: 0.5,
      mAP: 0.5,
      queries: 2,
    });
  });

  it("leaves out queries without a relevant image, and refuses to average over none", async () => {
    const database = inOrder(["a", "b"]);
    const queries = {
      embeddings: unitRows([
        [1, 0],
        [1, 0],
      ]),
      labels: ["a", "z"],
    };
    assert.deepEqual((await retrieval(queries, database)).queries, 1);
    assert.equal((await retrieval(queries, database)).recallAt1, 1);
    await assert.rejects(retrieval(queryOf("z"), database), RangeError);
  });

  it("puts the lower index first among equal similarities, also where these are negative or zero", async () => {
    for (const direction of [
      [1, 0],
      [-1, 0],
      [0, 1],
    ]) {
      const embeddings = unitRows(Array.from({ length: 6 }, () => direction));
      const { mAP } = await retrieval(queryOf("a"), { embeddings, labels: ["x", "a", "x", "x", "a", "x"] });
      assert.ok(Math.abs(mAP - (1 / 2 + 2 / 5) / 2) < 1e-9);
    }
  });

  it("agrees with sorting all distances", () =>
    fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: 1e6 }), fc.integer({ min: 1, max: 300 }), async (seed, count) => {
        const dimensions = 5;
        const database = randomEmbeddings(seed, count, dimensions, 3);
        const queries = { embeddings: database.embeddings.slice(0, dimensions), labels: database.labels.slice(0, 1) };
        const relevant = sortedByDistance(queries.embeddings, database).map(
          (index) => database.labels[index] === queries.labels[0],
        );
        const precisionAt = (rank: number) => relevant.slice(0, rank).filter(Boolean).length / rank;
        const precisions = relevant.flatMap((is, i) => (is ? [precisionAt(i + 1)] : []));
        const result = await retrieval(queries, database);
        assert.ok(Math.abs(result.mAP - precisions.reduce((a, b) => a + b) / precisions.length) < 1e-9);
        assert.ok(Math.abs(result.precisionAt10 - precisionAt(Math.min(10, count))) < 1e-9);
        assert.equal(result.recallAt5, relevant.slice(0, 5).includes(true) ? 1 : 0);
      }),
      { numRuns: 30 },
    ));
});
