import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import Database from "better-sqlite3";
import { pino } from "pino";
import { sha256 } from "../../../../core/hash.ts";
import { openStorage } from "../../../../server/storage/open.ts";
import { DATABASE_FILE } from "../../../../server/storage/sqlite/database.ts";
import { temporaryFolder } from "../../../../support/temporary-folder.ts";
import { cardOf } from "../../../../support/tiny-model.ts";
import { collect } from "../contract/storages.ts";

const bytes = Buffer.from("bytes of an image");
const image = {
  sha256: sha256(bytes),
  type: "png",
  width: 2,
  height: 3,
  bytes: bytes.length,
  metadata: { a: 1 },
} as const;

describe("data folder", () => {
  let folder: string;
  let remove: () => Promise<void>;
  beforeEach(async () => {
    ({ folder, remove } = await temporaryFolder());
  });
  afterEach(() => remove());
  const open = () => openStorage(folder, pino({ level: "silent" }));

  it("keeps images, embeddings, files and the sequence number over a restart", async () => {
    const before = await open();
    const { encoder } = await before.catalogue.generations.addFirst(cardOf({}));
    const model = Buffer.from("a model");
    await before.models.put(sha256("1"), model); // the SHA-256 of the card
    await before.images.put(image.sha256, bytes);
    const vector = Float32Array.of(0.6, 0.8);
    const added = await before.catalogue.images.add(image, new Map([[encoder, vector]]));
    assert.ok("image" in added);
    await before.close();
    const after = await open();
    assert.deepEqual(await after.catalogue.images.get(added.image.id), added.image);
    assert.deepEqual(await collect(after.catalogue.embeddings.list(encoder, 10)), [{ content: added.content, vector }]);
    assert.deepEqual(await after.images.get(image.sha256), bytes);
    assert.deepEqual(await after.models.get(sha256("1")), model);
    assert.equal((await after.catalogue.embeddings.tally(encoder)).sequence, added.sequence);
    await after.close();
  });

  it("removes what a crash left: files without a record, temporary files, models that nothing uses", async () => {
    await (await open()).close();
    const orphan = `ab${"0".repeat(62)}`;
    await writeFile(join(folder, "files", "ab", orphan), "x");
    await writeFile(join(folder, "files", "ab", `${orphan}.123.tmp`), "x");
    await writeFile(join(folder, "models", `${orphan}.onnx`), "x");
    const storage = await open();
    assert.equal(await storage.images.get(orphan), undefined);
    assert.equal(await storage.models.get(orphan), undefined);
    await assert.rejects(writeFile(join(folder, "files", "ab", `${orphan}.123.tmp`), "x", { flag: "r+" }), {
      code: "ENOENT",
    });
    await storage.close();
  });

  it("belongs to one server at a time", async () => {
    const storage = await open();
    await assert.rejects(open(), { code: "invalid_configuration", message: /Another server uses/ });
    await storage.close();
    await (await open()).close();
  });

  it("of an older version is counted: the switch is refused for embeddings that its encoder lacks", async () => {
    const before = await open();
    const { encoder } = await before.catalogue.generations.addFirst(cardOf({}));
    const vector = Float32Array.of(0.6, 0.8);
    await before.catalogue.images.add(image, new Map([[encoder, vector]]));
    await before.catalogue.images.add({ ...image, sha256: "other" }, new Map([[encoder, vector]]));
    await before.close();
    const database = new Database(join(folder, DATABASE_FILE));
    database.exec(`
      DROP TRIGGER embedding_added; DROP TRIGGER embedding_removed; DROP TABLE sequence;
      ALTER TABLE encoders DROP COLUMN embedded; PRAGMA user_version = 3;`);
    database.close();
    const after = await open();
    assert.deepEqual(await after.catalogue.embeddings.tally(encoder), { sequence: 0, contents: 2, embedded: 2 });
    await after.close();
  });
});
