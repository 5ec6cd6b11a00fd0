// What every Blobs does.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { buffer } from "node:stream/consumers";
import { sha256 } from "../../../../core/hash.ts";
import type { Blobs } from "../../../../server/storage/ports.ts";
import type { OpenEmpty, OpenedStorage } from "./storages.ts";

export function describeBlobs(openEmpty: OpenEmpty, which: "images" | "models"): void {
  describe(`blobs: ${which}`, () => {
    let blobs: Blobs;
    let opened: OpenedStorage;
    beforeEach(async () => {
      opened = await openEmpty();
      blobs = opened.storage[which];
    });
    afterEach(() => opened.close());

    const list = async () => {
      const all: string[] = [];
      for await (const hash of blobs.list()) all.push(hash);
      return all.sort();
    };
    const some = Buffer.from("some bytes");
    const others = Buffer.from("other bytes");

    it("gives back what was put, and lists it", async () => {
      assert.deepEqual(await list(), []);
      await blobs.put(sha256(some), some);
      await blobs.put(sha256(others), others);
      assert.deepEqual(Buffer.from((await blobs.get(sha256(some)))!), some);
      assert.deepEqual(await buffer((await blobs.open(sha256(some)))!), some);
      assert.deepEqual(await list(), [sha256(some), sha256(others)].sort());
    });

    it("takes the same bytes again", async () => {
      await Promise.all([blobs.put(sha256(some), some), blobs.put(sha256(some), some)]);
      assert.deepEqual(await list(), [sha256(some)]);
    });

    it("never gives other bytes than were put; putting them again repairs", async () => {
      const hash = sha256(some);
      await blobs.put(hash, some);
      for (const bytes of [Buffer.from("some bytez"), Buffer.from("some"), Buffer.alloc(0)]) {
        await opened.damage(which, hash, bytes);
        await assert.rejects(async () => blobs.get(hash), { code: "file_damaged", message: new RegExp(hash) });
        await assert.rejects(async () => blobs.open(hash), { code: "file_damaged", message: new RegExp(hash) });
      }
      await blobs.put(hash, some);
      assert.deepEqual(Buffer.from((await blobs.get(hash))!), some);
      assert.deepEqual(await buffer((await blobs.open(hash))!), some);
    });

    it("does the same for what is too large to be read at once", async () => {
      const large = randomBytes(3_000_001);
      const hash = sha256(large);
      await blobs.put(hash, large);
      assert.ok(large.equals((await blobs.get(hash))!));
      assert.ok(large.equals(await buffer((await blobs.open(hash))!)));
      const flipped = Buffer.from(large);
      flipped[2_000_000]! ^= 1;
      await opened.damage(which, hash, flipped);
      await assert.rejects(async () => blobs.get(hash), { code: "file_damaged" });
      await assert.rejects(async () => blobs.open(hash), { code: "file_damaged" });
    });

    it("has nothing under a SHA-256 that was removed or never put; removing that is harmless", async () => {
      await blobs.put(sha256(some), some);
      await blobs.remove(sha256(some));
      await blobs.remove(sha256(some));
      assert.equal(await blobs.get(sha256(some)), undefined);
      assert.equal(await blobs.get(sha256(others)), undefined);
      assert.equal(await blobs.open(sha256(others)), undefined);
      assert.deepEqual(await list(), []);
    });
  });
}
