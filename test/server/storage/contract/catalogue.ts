// What every Catalogue does.
import assert from "node:assert/strict";
import type { NewImage } from "../../../../server/domain/image.ts";
import type { SwapReport } from "../../../../server/domain/swap.ts";
import type { AddedImage, Catalogue, Change, Storage } from "../../../../server/storage/ports.ts";
import { cardOf } from "../../../../support/tiny-model.ts";
import { collect, type OpenEmpty } from "./storages.ts";

const newImage = (n: number, metadata: Record<string, unknown> = { n }): NewImage => ({
  sha256: n.toString(16).padStart(64, "0"),
  type: "png",
  width: 2,
  height: 3,
  bytes: 10 + n,
  metadata,
});
const vectorOf = (n: number) => Float32Array.of(Math.cos(n), Math.sin(n));

export function describeCatalogue(openEmpty: OpenEmpty): void {
  describe("catalogue", () => {
    let catalogue: Catalogue;
    let close: () => Promise<void>;
    beforeEach(async () => {
      let storage: Storage;
      ({ storage, close } = await openEmpty());
      ({ catalogue } = storage);
    });
    afterEach(() => close());

    const add = async (image: NewImage, embeddings: ReadonlyMap<number, Float32Array> = new Map()) => {
      const added = await catalogue.images.add(image, embeddings);
      assert.ok("image" in added, "the image was refused");
      return added as AddedImage;
    };
    const first = (seed = 1) => catalogue.generations.addFirst(cardOf({ seed }));
    /** `count` images with embeddings of `encoder`. */
    const addMany = (count: number, encoder: number) =>
      Promise.all(Array.from({ length: count }, (_, n) => add(newImage(n), new Map([[encoder, vectorOf(n)]]))));

    describe("images", () => {
      it("are read as they were added, and counted", async () => {
        const { image, content, generation } = await add(newImage(1));
        const { id, createdAt, ...rest } = image;
        assert.deepEqual(rest, newImage(1));
        assert.ok(id.length > 0 && !Number.isNaN(Date.parse(createdAt)));
        assert.equal(generation, undefined);
        assert.deepEqual(await catalogue.images.get(id), image);
        assert.deepEqual(await catalogue.contents.ofImage(id), { number: content, sha256: image.sha256, bytes: 11 });
        assert.equal(await catalogue.contents.number(image.sha256), content);
        assert.deepEqual(await catalogue.contents.known(["none", image.sha256]), [image.sha256]);
        assert.deepEqual([await catalogue.images.count(), await catalogue.contents.count()], [1, 1]);
        assert.equal(await catalogue.images.get("none"), undefined);
        assert.equal(await catalogue.contents.ofImage("none"), undefined);
        assert.equal(await catalogue.contents.number("none"), undefined);
      });

      it("of the same bytes share a content, name the oldest, and take it with the last of them", async () => {
        const [one, two, three] = [await add(newImage(1)), await add(newImage(1, {})), await add(newImage(1))];
        await add(newImage(2));
        assert.equal(one.image.duplicateOf, undefined);
        assert.equal(three.image.duplicateOf, one.image.id);
        assert.equal(two.content, one.content);
        assert.deepEqual(await catalogue.contents.ofSeveralImages(), [one.content]);
        assert.equal((await catalogue.images.remove(one.image.id))!.content, undefined);
        assert.equal((await catalogue.images.get(three.image.id))?.duplicateOf, two.image.id);
        await catalogue.images.remove(two.image.id);
        const removed = await catalogue.images.remove(three.image.id);
        assert.deepEqual(removed!.content, { number: one.content, sha256: one.image.sha256, bytes: 11 });
        assert.equal(await catalogue.images.remove(three.image.id), undefined);
        assert.deepEqual([await catalogue.images.count(), await catalogue.contents.count()], [1, 1]);
        assert.notEqual((await add(newImage(1))).content, one.content, "a number is never used again");
      });

      it("are listed newest first, from a number on, in batches", async () => {
        const ids: string[] = [];
        for (let n = 0; n < 7; n++) ids.unshift((await add(newImage(n))).image.id);
        for (const id of ids) assert.match(id, /^[0-9a-f]{24}$/, "on a command line it is no option");
        const batches: number[] = [];
        for await (const batch of catalogue.images.list({ batch: 3 })) batches.push(batch.length);
        assert.deepEqual(batches, [3, 3, 1]);
        const all = await collect(catalogue.images.list({ batch: 3 }));
        assert.deepEqual(
          all.map(({ image }) => image.id),
          ids,
        );
        const rest = await collect(catalogue.images.list({ after: all[4]!.number, batch: 100 }));
        assert.deepEqual(
          rest.map(({ image }) => image.id),
          ids.slice(5),
        );
        assert.deepEqual(await collect(catalogue.images.list({ order: "oldest", batch: 3 })), all.toReversed());
        const later = await collect(catalogue.images.list({ order: "oldest", after: all[4]!.number, batch: 3 }));
        assert.deepEqual(later, all.slice(0, 4).toReversed());
      });

      it("are counted by a filter", async () => {
        for (let n = 0; n < 7; n++) await add(newImage(n));
        assert.equal(await catalogue.images.count({ field: "n", gte: 2, lt: 5 }), 3);
        assert.equal(await catalogue.images.count({ not: { field: "n", exists: true } }), 0);
        assert.equal(await catalogue.images.count(), 7);
        assert.equal(await catalogue.images.count({ field: "$bytes", gte: 15 }), 2);
        assert.equal(await catalogue.images.count({ field: "$type", eq: "jpeg" }), 0);
        const { createdAt } = (await add(newImage(8))).image;
        assert.ok((await catalogue.images.count({ field: "$createdAt", gte: createdAt })) >= 1);
        assert.equal(await catalogue.images.count({ field: "$createdAt", gt: createdAt }), 0);
      });

      it("are found by content, the oldest first, and read as filters see them", async () => {
        const [one, two, same] = [
          await add(newImage(1)),
          await add(newImage(2)),
          await add(newImage(1, { same: true })),
        ];
        const found = await catalogue.images.withContents([two.content, one.content, 99]);
        assert.deepEqual(found.size, 2);
        assert.deepEqual(found.get(one.content), [
          one.image,
          Object.fromEntries(Object.entries(same.image).filter(([key]) => key !== "duplicateOf")),
        ]);
        const seen = ({ image: { id: _, sha256: __, duplicateOf: ___, ...image }, content }: AddedImage) => ({
          ...image,
          content,
        });
        const each = await collect(catalogue.images.each());
        assert.deepEqual(
          each.map(({ number: _, ...image }) => image),
          [seen(one), seen(two), seen(same)],
        );
        const listed = await collect(catalogue.images.list({ order: "oldest", batch: 9 }));
        assert.deepEqual(
          each.map(({ number }) => number),
          listed.map(({ number }) => number),
        );
        assert.deepEqual(
          await catalogue.contents.sha256s([two.content, 99]),
          new Map([[two.content, two.image.sha256]]),
        );
      });

      it("are found by content as they are now, however often they were read before", async () => {
        const read = async (content: number) => [
          ...((await catalogue.images.withContents([content])).get(content) ?? []),
        ];
        const one = await add(newImage(1));
        assert.deepEqual(await read(one.content), [one.image]);
        await catalogue.images.changeMetadata(one.image.id, () => ({ n: 2 }));
        assert.deepEqual(await read(one.content), [{ ...one.image, metadata: { n: 2 } }]);
        const { image: same } = await add(newImage(1, { same: true }));
        const ids = async () => (await read(one.content)).map(({ id }) => id);
        assert.deepEqual(await ids(), [one.image.id, same.id]);
        await catalogue.images.remove(one.image.id);
        assert.deepEqual(await ids(), [same.id]);
        await catalogue.images.remove(same.id);
        assert.deepEqual(await ids(), []);
      });

      it("change their metadata as a whole or not at all", async () => {
        const { image } = await add(newImage(1));
        const changed = await catalogue.images.changeMetadata(image.id, (before) => ({ ...before, more: [1] }));
        assert.deepEqual(changed, { ...image, metadata: { n: 1, more: [1] } });
        await assert.rejects(
          catalogue.images.changeMetadata(image.id, () => {
            throw new RangeError("no");
          }),
          RangeError,
        );
        assert.deepEqual(await catalogue.images.get(image.id), changed);
        assert.equal(await catalogue.images.changeMetadata("none", (before) => before), undefined);
        await Promise.all(
          Array.from({ length: 20 }, () =>
            catalogue.images.changeMetadata(image.id, ({ n }) => ({ n: (n as number) + 1 })),
          ),
        );
        assert.deepEqual((await catalogue.images.get(image.id))?.metadata, { n: 21 });
      });

      it("are remembered by the key of their upload", async () => {
        const key = { key: "key", position: 1, content: "hash" };
        const added = await catalogue.images.add(newImage(1), new Map(), key);
        assert.ok("image" in added);
        assert.deepEqual(await catalogue.images.uploaded(key), { content: "hash", image: added.image });
        assert.equal(await catalogue.images.uploaded({ key: "key", position: 0 }), undefined);
        await catalogue.images.remove(added.image.id);
        assert.deepEqual((await catalogue.images.uploaded(key))?.image, added.image);
      });

      it("are refused without the embedding of the generation that is active at their commit", async () => {
        const { encoder } = await first();
        const refused = await catalogue.images.add(newImage(1), new Map([[encoder + 1, vectorOf(1)]]));
        assert.ok("lacking" in refused);
        assert.equal(refused.lacking.encoder, encoder);
        assert.deepEqual([await catalogue.images.count(), await catalogue.contents.count()], [0, 0]);
        await add(newImage(1), new Map([[encoder, vectorOf(1)]]));
        const { generation } = await add(newImage(1), new Map()); // its content has the embedding
        assert.equal(generation, 1);

        const swap = await catalogue.swaps.begin(cardOf({ seed: 2 }), { force: false });
        const candidate = (await catalogue.generations.get(swap.generation))!;
        await catalogue.embeddings.add(candidate.encoder, [{ content: 1, vector: vectorOf(1) }]);
        const both = new Map([
          [encoder, vectorOf(2)],
          [candidate.encoder, vectorOf(2)],
        ]);
        const before = await catalogue.images.add(newImage(2), both);
        const switched = await catalogue.swaps.switchTo(swap.id);
        const after = await catalogue.images.add(newImage(3), new Map([[encoder, vectorOf(3)]]));
        assert.ok("image" in before && before.generation === 1);
        assert.equal(switched, true);
        assert.ok("lacking" in after && after.lacking.number === candidate.number);
      });
    });

    describe("embeddings", () => {
      it("are read, listed in the order of contents, and tallied", async () => {
        const { encoder } = await first();
        const added = await addMany(5, encoder);
        const expected = added.map(({ content }, n) => ({ content, vector: vectorOf(n) }));
        expected.sort((a, b) => a.content - b.content);
        assert.deepEqual(await collect(catalogue.embeddings.list(encoder, 2)), expected);
        assert.deepEqual(await catalogue.embeddings.get(encoder, added[3]!.content), vectorOf(3));
        assert.equal(await catalogue.embeddings.get(encoder, 99), undefined);
        const { contents, embedded } = await catalogue.embeddings.tally(encoder);
        assert.deepEqual([contents, embedded], [5, 5]);
      });

      it("never exist of a content that is gone, and are never replaced", async () => {
        const { encoder } = await first();
        const { content, image } = await add(newImage(1), new Map([[encoder, vectorOf(1)]]));
        await catalogue.embeddings.add(encoder, [
          { content, vector: vectorOf(2) },
          { content: 99, vector: vectorOf(3) },
        ]);
        assert.deepEqual(await collect(catalogue.embeddings.list(encoder, 9)), [{ content, vector: vectorOf(1) }]);
        await catalogue.images.remove(image.id);
        assert.deepEqual(await collect(catalogue.embeddings.list(encoder, 9)), []);
        assert.equal((await catalogue.embeddings.tally(encoder)).embedded, 0);
      });

      it("that are lacking are named until they are there", async () => {
        const { encoder } = await first();
        const added = await addMany(5, encoder);
        const swap = await catalogue.swaps.begin(cardOf({ seed: 2 }), { force: false });
        const candidate = (await catalogue.generations.get(swap.generation))!.encoder;
        await catalogue.embeddings.add(candidate, [{ content: added[1]!.content, vector: vectorOf(1) }]);
        const lacking = (await collect(catalogue.embeddings.lacking(candidate, 2))).map(({ number }) => number);
        const others = added.map(({ content }) => content).filter((content) => content !== added[1]!.content);
        assert.deepEqual(
          lacking,
          others.sort((a, b) => a - b),
        );
        const { contents, embedded } = await catalogue.embeddings.tally(candidate);
        assert.deepEqual([contents, embedded], [5, 1]);
      });

      it("of encoders that nothing uses are forgotten", async () => {
        const { encoder } = await first();
        const added = await addMany(3, encoder);
        const { id, generation } = await catalogue.swaps.begin(cardOf({ seed: 2 }), { force: false });
        const candidate = (await catalogue.generations.get(generation))!.encoder;
        await catalogue.embeddings.add(
          candidate,
          added.map(({ content }, n) => ({ content, vector: vectorOf(n) })),
        );
        assert.equal(await catalogue.embeddings.forgetUnused(10), 0);
        await catalogue.swaps.end(id, "failed");
        assert.deepEqual(await catalogue.generations.unusedEncoders(), [candidate]);
        const { sequence } = await catalogue.embeddings.tally(encoder);
        let forgotten = 0;
        for (let some = 1; some > 0; forgotten += some) some = await catalogue.embeddings.forgetUnused(2);
        assert.equal(forgotten, 3);
        assert.equal((await catalogue.embeddings.tally(candidate)).embedded, 0);
        const { sequence: after, embedded } = await catalogue.embeddings.tally(encoder);
        assert.deepEqual([after, embedded], [sequence, 3]);
      });
    });

    describe("changes", () => {
      it("are told in the order of their numbers, none twice and none left out", async () => {
        const { encoder } = await first();
        const one = await add(newImage(1), new Map([[encoder, vectorOf(1)]]));
        const changes: Change[] = [];
        const { sequence, stop } = await catalogue.follow((change) => void changes.push(change));
        assert.equal(sequence, one.sequence);
        const two = await add(newImage(2), new Map([[encoder, vectorOf(2)]]));
        await add(newImage(2), new Map()); // changes no vector
        await catalogue.images.changeMetadata(one.image.id, () => ({}));
        await catalogue.images.remove(one.image.id);
        await add(newImage(3), new Map([[encoder, vectorOf(3)]]));
        assert.deepEqual(
          changes.map(({ sequence: number }) => number - sequence),
          [1, 2, 3],
        );
        assert.equal(two.sequence, sequence + 1);
        assert.deepEqual(changes[0]!.added, [{ encoder, content: two.content, vector: vectorOf(2) }]);
        assert.deepEqual([changes[1]!.added, changes[1]!.removed], [[], [one.content]]);
        stop();
        await add(newImage(4), new Map([[encoder, vectorOf(4)]]));
        assert.equal(changes.length, 3);
      });

      it("add up to what is stored at the number of a tally, also while commits go on", async () => {
        const { encoder } = await first();
        const sizes = new Map([[0, 0]]);
        let size = 0;
        const { sequence: start } = await catalogue.follow(({ sequence, added, removed }) => {
          size += added.length - removed.length;
          sizes.set(sequence, size);
        });
        sizes.set(start, 0);
        const commits = Array.from({ length: 60 }, async (_, n) => {
          const { image } = await add(newImage(n), new Map([[encoder, vectorOf(n)]]));
          if (n % 3 === 0) await catalogue.images.remove(image.id);
        });
        let done = false;
        const all = Promise.all(commits).then(() => {
          done = true;
        });
        while (!done) {
          const { sequence, embedded } = await catalogue.embeddings.tally(encoder);
          while (!sizes.has(sequence)) await new Promise(setImmediate); // another server's commit is told a moment later
          assert.equal(sizes.get(sequence), embedded);
          await new Promise(setImmediate);
        }
        await all;
        const { sequence, embedded } = await catalogue.embeddings.tally(encoder);
        assert.deepEqual([sizes.get(sequence), embedded], [40, 40]);
      });
    });

    describe("generations and swaps", () => {
      const report = (threshold: number): SwapReport => {
        const quantiles = { p1: 0, p5: 0, p25: 0, p50: 0, p75: 0, p95: 0, p99: 0 };
        const scores = { random: quantiles, nearest: quantiles, threshold };
        return {
          contents: 1,
          recallAt10: 1,
          spread: 0.5,
          comparison: {
            neighbours: { sample: 0, overlapAt10: 0, changedMost: [] },
            scores: { before: { ...scores, threshold: threshold / 2 }, after: scores },
          },
        };
      };

      it("begin with one active generation", async () => {
        assert.equal(await catalogue.generations.inState("active"), undefined);
        await assert.rejects(catalogue.swaps.begin(cardOf({ seed: 2 }), { force: false }), { code: "not_ready" });
        const active = await first();
        await assert.rejects(catalogue.swaps.begin(active.card, { force: true }), { code: "model_active" });
        assert.deepEqual(await catalogue.swaps.newest(10), []);
        assert.deepEqual(await first(2), active);
        assert.deepEqual(await catalogue.generations.inState("active"), active);
        assert.deepEqual(await catalogue.generations.get(active.number), active);
        assert.equal(await catalogue.generations.get(99), undefined);
        assert.deepEqual(await catalogue.generations.modelsInUse(), new Set([active.card.sha256]));
      });

      it("go through the states of a swap to its switch, one swap at a time, and back", async () => {
        const active = await first();
        const begun = await catalogue.swaps.begin(cardOf({ seed: 2 }), { force: true });
        const { id, generation } = begun;
        assert.deepEqual(
          [begun.kind, begun.state, begun.replaces, begun.force],
          ["activate", "loading", active.number, true],
        );
        assert.deepEqual(await catalogue.swaps.running(), begun);
        const another = catalogue.swaps.begin(cardOf({ seed: 3 }), { force: false });
        await assert.rejects(another, { code: "swap_in_progress" });
        await assert.rejects(catalogue.swaps.beginRollback(), { code: "swap_in_progress" });
        assert.equal((await catalogue.generations.get(generation))?.state, "candidate");
        await catalogue.swaps.enter(id, "verifying");
        await catalogue.swaps.report(id, report(0.8));
        assert.equal(await catalogue.swaps.switchTo(id), true);
        assert.equal((await catalogue.swaps.get(id))?.state, "active");
        assert.deepEqual((await catalogue.swaps.get(id))?.report, report(0.8));
        assert.equal(await catalogue.swaps.running(), undefined);
        assert.equal((await catalogue.generations.inState("active"))?.number, generation);
        assert.equal((await catalogue.generations.inState("retired"))?.number, active.number);

        const back = await catalogue.swaps.beginRollback();
        assert.deepEqual([back.kind, back.generation, back.replaces], ["rollback", active.number, generation]);
        assert.equal(await catalogue.swaps.switchTo(back.id), true);
        assert.equal((await catalogue.generations.inState("active"))?.number, active.number);
        assert.equal((await catalogue.generations.inState("retired"))?.number, generation);
        assert.equal((await catalogue.swaps.get(id))?.state, "retired");

        const third = await catalogue.swaps.begin(cardOf({ seed: 3 }), { force: false });
        assert.equal(await catalogue.swaps.switchTo(third.id), true);
        assert.equal((await catalogue.generations.get(generation))?.state, "gone");
        assert.deepEqual(
          await catalogue.generations.modelsInUse(),
          new Set([cardOf({ seed: 3 }).sha256, active.card.sha256]),
        );
      });

      it("refuse the switch while any content lacks the candidate's embedding", async () => {
        const { encoder } = await first();
        const [one, two] = await addMany(2, encoder);
        const { id, generation } = await catalogue.swaps.begin(cardOf({ seed: 2 }), { force: true });
        const candidate = (await catalogue.generations.get(generation))!.encoder;
        await catalogue.embeddings.add(candidate, [{ content: one!.content, vector: vectorOf(1) }]);
        const refused = await catalogue.swaps.switchTo(id);
        assert.equal(refused, false);
        assert.equal((await catalogue.generations.inState("active"))?.encoder, encoder);
        assert.equal((await catalogue.swaps.running())?.id, id);
        await catalogue.embeddings.add(candidate, [{ content: two!.content, vector: vectorOf(2) }]);
        assert.equal(await catalogue.swaps.switchTo(id), true);
      });

      it("may switch without contents that are named, and without no others", async () => {
        const { encoder } = await first();
        const [one, two, three] = await addMany(3, encoder);
        const { id, generation } = await catalogue.swaps.begin(cardOf({ seed: 2 }), { force: true });
        const candidate = (await catalogue.generations.get(generation))!.encoder;
        await catalogue.embeddings.add(candidate, [{ content: one!.content, vector: vectorOf(1) }]);
        const without = new Set([one!.content, two!.content, 999]);
        assert.equal(await catalogue.swaps.switchTo(id, without), false);
        await catalogue.images.remove(three!.image.id);
        assert.equal(await catalogue.swaps.switchTo(id, without), true);
        assert.equal((await catalogue.generations.inState("active"))?.encoder, candidate);
      });

      it("keep whether damaged files are to be skipped; a rollback skips them", async () => {
        await first();
        for (const [seed, skipDamaged] of [true, false, undefined].entries()) {
          const { id } = await catalogue.swaps.begin(cardOf({ seed: seed + 2 }), { force: false, skipDamaged });
          assert.equal((await catalogue.swaps.get(id))?.skipDamaged, skipDamaged ?? false);
          assert.equal(await catalogue.swaps.switchTo(id), true);
        }
        assert.equal((await catalogue.swaps.beginRollback()).skipDamaged, true);
      });

      it("wait for approval where that is wanted, and only when ready", async () => {
        await first();
        const { id, review, approvedAt } = await catalogue.swaps.begin(cardOf({ seed: 2 }), {
          force: false,
          review: true,
        });
        assert.deepEqual([review, approvedAt], [true, undefined]);
        await assert.rejects(catalogue.swaps.approve(id), { code: "not_in_review" });
        await catalogue.swaps.enter(id, "ready");
        const before = Date.now();
        const approved = await catalogue.swaps.approve(id);
        const at = Date.parse(approved.approvedAt!);
        // PostgreSQL rounds to milliseconds, up or down; Date.now() always down.
        assert.ok(before - 1 <= at && at <= Date.now() + 1, `${before} ${approved.approvedAt}`);
        assert.deepEqual(await catalogue.swaps.get(id), approved);
        await assert.rejects(catalogue.swaps.approve(id), { code: "not_in_review" });
        await catalogue.swaps.end(id, "cancelled");
        await assert.rejects(catalogue.swaps.approve(id), { code: "swap_finished" });
        const other = await catalogue.swaps.begin(cardOf({ seed: 2 }), { force: false });
        assert.equal(other.review, false);
        await catalogue.swaps.enter(other.id, "ready");
        await assert.rejects(catalogue.swaps.approve(other.id), { code: "not_in_review" });
      });

      it("end without a switch, once", async () => {
        await first();
        const { id, generation } = await catalogue.swaps.begin(cardOf({ seed: 2 }), { force: false });
        const error = { code: "invalid_model", detail: "It is broken." } as const;
        await catalogue.swaps.end(id, "failed", error);
        const failed = await catalogue.swaps.get(id);
        assert.deepEqual([failed?.state, failed?.error], ["failed", error]);
        assert.equal((await catalogue.generations.get(generation))?.state, "failed");
        for (const late of [
          catalogue.swaps.enter(id, "ready"),
          catalogue.swaps.report(id, report(1)),
          catalogue.swaps.end(id, "cancelled"),
          catalogue.swaps.switchTo(id),
        ]) {
          await assert.rejects(late, { code: "swap_finished" });
        }
        await assert.rejects(catalogue.swaps.beginRollback(), { code: "no_previous_generation" });
      });
    });

    it("knows API keys by their hash, until they are revoked", async () => {
      const { key, ...record } = await catalogue.apiKeys.create("write", "mine");
      assert.deepEqual(await catalogue.apiKeys.list(), [record]);
      assert.equal(await catalogue.apiKeys.roleOf(key), "write");
      assert.equal(await catalogue.apiKeys.roleOf("another"), undefined);
      assert.equal(await catalogue.apiKeys.revoke(record.id), true);
      assert.equal(await catalogue.apiKeys.revoke(record.id), false);
      assert.equal(await catalogue.apiKeys.roleOf(key), undefined);
    });
  });
}
