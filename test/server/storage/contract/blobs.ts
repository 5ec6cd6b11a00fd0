// What every Blobs does.
import assert from "node:assert/strict";
import { buffer } from "node:stream/consumers";
import { sha256 } from "../../../../core/hash.ts";
import type { Blobs, Storage } from "../../../../server/storage/ports.ts";
import type { OpenEmpty } from "./storages.ts";

export function describeBlobs(openEmpty: OpenEmpty, which: "images" | "models"): void {
  describe(`blobs: ${which}`, () => {
    let blobs: Blobs;
    let close: () => Promise<void>;
    beforeEach(async () => {
      let storage: Storage;
      ({ storage, close } = await openEmpty());
      blobs = storage[which];
    });
    afterEach(() => close());

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
