// What every VectorSearch does, with the catalogue that it follows.
import assert from "node:assert/strict";
import { dot } from "../../../../core/vector.ts";
import type { GenerationRecord } from "../../../../server/domain/generation.ts";
import type { Storage, VectorIndex, Wanted } from "../../../../server/storage/ports.ts";
import { cardOf } from "../../../../support/tiny-model.ts";
import { unitVectors } from "../../../../support/vectors.ts";
import type { OpenEmpty } from "./storages.ts";

const DIMENSIONS = 8;
const COUNT = 700; // more than an approximate index searches exactly
const vectors = unitVectors(COUNT, DIMENSIONS, 5);
const wanted = (more: Partial<Wanted> = {}): Wanted => ({ limit: 10, minScore: -1, leftOut: new Set(), ...more });

export function describeVectors(openEmpty: OpenEmpty): void {
  describe("vector search", () => {
    let storage: Storage;
    let close: () => Promise<void>;
    let generation: GenerationRecord;
    let index: VectorIndex;
    /** Ids of images by the place of their vector. */
    let ids: string[];

    const add = async (place: number, metadata: Record<string, unknown> = { place }) => {
      const image = { type: "png", width: 2 + place, height: 3, bytes: 1, metadata } as const;
      const added = await storage.catalogue.images.add(
        { ...image, sha256: place.toString(16).padStart(64, "0") },
        new Map([[generation.encoder, vectors[place]!]]),
      );
      assert.ok("image" in added);
      return added;
    };
    const exact = (query: Float32Array, fits: (place: number) => boolean = () => true) =>
      [...ids.keys()]
        .filter(fits)
        .map((place) => ({ id: ids[place]!, score: dot(query, vectors[place]!) }))
        .sort((a, b) => b.score - a.score);

    before(async () => {
      ({ storage, close } = await openEmpty());
      generation = await storage.catalogue.generations.addFirst({ ...cardOf({ seed: 1 }), dimensions: DIMENSIONS });
      const added = [];
      for (let place = 0; place < COUNT - 10; place += 100) {
        const some = Array.from({ length: Math.min(100, COUNT - 10 - place) }, (_, i) => add(place + i));
        added.push(...(await Promise.all(some)));
      }
      ids = added.map(({ image }) => image.id);
      index = storage.vectors.open(generation);
    });
    after(async () => {
      await index.close();
      await close();
    });

    it("is unavailable before it is filled", async () => {
      assert.equal(index.isServing, false);
      for (const asked of [
        index.search(vectors[0]!, wanted()),
        index.nearest(vectors[0]!, 1),
        index.size(0),
        index.inspect(1),
      ]) {
        await assert.rejects(asked, { code: "index_unavailable" });
      }
      await index.reached(1_000_000);
      await index.fill();
      assert.equal(index.isServing, true);
    });

    it("finds what exact search finds, best first, with scores", async () => {
      let found = 0;
      for (const query of unitVectors(30, DIMENSIONS, 6)) {
        const best = exact(query).slice(0, 10);
        const matches = await index.search(query, wanted());
        assert.equal(matches.length, 10);
        for (const [i, { score }] of matches.entries()) assert.ok(i === 0 || score <= matches[i - 1]!.score);
        found += matches.filter(({ id }) => best.some((one) => one.id === id)).length;
        const [first] = matches;
        assert.ok(Math.abs(first!.score - dot(query, vectors[ids.indexOf(first!.id)]!)) < 1e-5);
        const place = ids.indexOf(first!.id);
        assert.deepEqual(
          { ...first, score: 0 },
          { id: first!.id, score: 0, width: 2 + place, height: 3, metadata: { place } },
        );
        const { contents, scores } = await index.nearest(query, 10);
        assert.ok(contents.length === 10 && Math.abs(scores[0]! - first!.score) < 1e-6);
      }
      assert.ok(found >= 0.95 * 300, `${found} of 300`);
    });

    it("leaves out ids and low scores, and has no more than there is", async () => {
      const query = vectors[3]!;
      const [best, second] = await index.search(query, wanted({ limit: 2 }));
      assert.equal(best!.id, ids[3]);
      const rest = await index.search(query, wanted({ limit: 1, leftOut: new Set([best!.id]) }));
      assert.equal(rest[0]!.id, second!.id);
      const near = await index.search(query, wanted({ limit: COUNT, minScore: 0.8 }));
      assert.deepEqual(
        near.map(({ id }) => id),
        exact(query)
          .filter(({ score }) => score >= 0.8)
          .map(({ id }) => id),
      );
    });

    it("is exact where a filter leaves few, and where it leaves none", async () => {
      const query = vectors[5]!;
      const few = await index.search(query, wanted({ limit: 5, filter: { field: "place", lt: 20 } }));
      assert.deepEqual(
        few.map(({ id }) => id),
        exact(query, (place) => place < 20)
          .slice(0, 5)
          .map(({ id }) => id),
      );
      assert.deepEqual(await index.search(query, wanted({ filter: { field: "place", lt: 0 } })), []);
      const narrow = await index.search(query, wanted({ limit: 5, filter: { field: "$width", lt: 22 } }));
      assert.deepEqual(narrow, few);
    });

    it("finds the content that was searched with, whatever the graph says", async () => {
      const own = (await storage.catalogue.contents.ofImage(ids[7]!))!.number;
      const [best] = await index.search(vectors[7]!, wanted({ limit: 1, own }));
      assert.equal(best!.id, ids[7]);
    });

    it("follows the catalogue: it finds what it has reached, and not what is gone", async () => {
      const { image, sequence, content } = await add(COUNT - 1);
      await index.reached(sequence);
      assert.equal((await index.search(vectors[COUNT - 1]!, wanted({ limit: 1 })))[0]!.id, image.id);
      const removed = (await storage.catalogue.images.remove(image.id))!;
      await index.reached(removed.sequence);
      assert.ok(!(await index.nearest(vectors[COUNT - 1]!, 10)).contents.includes(content));
    });

    it("gives every image of a content, the oldest first", async () => {
      const again = await add(9, { again: true });
      const found = await index.search(vectors[9]!, wanted({ limit: 2 }));
      assert.deepEqual(
        found.map(({ id }) => id),
        [ids[9], again.image.id],
      );
      await storage.catalogue.images.remove(again.image.id);
    });

    it("is as large as the catalogue says at the same sequence number", async () => {
      const { sequence } = await add(COUNT - 2);
      const tally = await storage.catalogue.embeddings.tally(generation.encoder);
      assert.ok(tally.sequence >= sequence);
      assert.deepEqual(await index.size(tally.sequence), { sequence: tally.sequence, contents: tally.embedded });
    });

    it("reports its recall and the spread of its vectors", async () => {
      const { recallAt10, spread } = await index.inspect(20);
      assert.ok(recallAt10 > 0.95 && recallAt10 <= 1);
      assert.ok(spread > 0.9 && spread <= 1, `${spread}`);
    });

    it("keeps generations apart", async () => {
      const { generation: number } = await storage.catalogue.swaps.begin(
        { ...cardOf({ seed: 2 }), dimensions: DIMENSIONS },
        { force: false },
      );
      const candidate = (await storage.catalogue.generations.get(number))!;
      const other = storage.vectors.open(candidate);
      await other.fill();
      const content = (await storage.catalogue.contents.ofImage(ids[0]!))!.number;
      const { sequence } = await storage.catalogue.embeddings.add(candidate.encoder, [
        { content, vector: vectors[1]! },
      ]);
      await other.reached(sequence);
      assert.deepEqual((await other.nearest(vectors[1]!, 10)).contents, [content]);
      assert.equal((await index.search(vectors[0]!, wanted({ limit: 1 })))[0]!.id, ids[0]);
      await other.close();
    });
  });
}
