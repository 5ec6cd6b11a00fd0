// Files that several servers share are removed some time after their last image.
import assert from "node:assert/strict";
import { pino } from "pino";
import { sha256 } from "../../core/hash.ts";
import type { Blobs } from "../../server/storage/ports.ts";
import { type BlobRemoval, createBlobRemoval } from "../../server/storage/postgres/blob-removal.ts";
import { createPostgresCatalogue } from "../../server/storage/postgres/catalogue.ts";
import { type Database, openDatabase } from "../../server/storage/postgres/database.ts";
import { createMemoryStorage } from "../../support/memory-storage/index.ts";
import { createDatabase } from "../../support/postgres.ts";

describe("removal of shared files", () => {
  const logger = pino({ level: "silent" });
  const bytes = Buffer.from("some bytes");
  const hash = sha256(bytes);
  const image = { sha256: hash, type: "png", width: 1, height: 1, bytes: bytes.length, metadata: {} } as const;
  let database: Database;
  let remove: () => Promise<void>;
  let blobs: Blobs;
  let removal: BlobRemoval;
  beforeEach(async () => {
    const made = await createDatabase();
    remove = made.remove;
    database = await openDatabase(made.url);
    blobs = createMemoryStorage().images;
    removal = createBlobRemoval(database, blobs, logger);
  });
  afterEach(async () => {
    await removal.close();
    await database.close();
    await remove();
  });

  it("waits, and then takes what has no image", async () => {
    const { images } = createPostgresCatalogue(database);
    await removal.blobs.put(hash, bytes);
    const added = await images.add(image, new Map());
    assert.ok("image" in added);
    assert.equal(await removal.removeUnused("0 seconds"), 0);
    await images.remove(added.image.id);
    await removal.blobs.remove(hash);
    assert.equal(await removal.removeUnused(), 0);
    assert.ok(await blobs.get(hash));
    assert.equal(await removal.removeUnused("0 seconds"), 1);
    assert.equal(await blobs.get(hash), undefined);
  });

  it("takes what a crash left between the file and its record", async () => {
    await removal.blobs.put(hash, bytes);
    assert.equal(await removal.removeUnused("0 seconds"), 1);
  });

  it("never takes a file that is being put again", async () => {
    await removal.blobs.put(hash, bytes);
    let removing = () => {};
    const isRemoving = new Promise<void>((resolve) => (removing = resolve));
    let go = () => {};
    const mayGo = new Promise<void>((resolve) => (go = resolve));
    const slow = createBlobRemoval(
      database,
      {
        ...blobs,
        async remove(one) {
          removing();
          await mayGo;
          await blobs.remove(one);
        },
      },
      logger,
    );
    const taken = slow.removeUnused("0 seconds");
    await isRemoving;
    const put = removal.blobs.put(hash, bytes); // another server, meanwhile
    go();
    await Promise.all([taken, put, slow.close()]);
    assert.ok(await blobs.get(hash));
  });
});
