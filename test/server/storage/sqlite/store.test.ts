import assert from "node:assert/strict";
import { mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import Database from "better-sqlite3";
import { pino } from "pino";
import { sha256 } from "../../../../core/hash.ts";
import { DATABASE_FILE } from "../../../../server/storage/data-folder.ts";
import { openApiKeys, openStorage } from "../../../../server/storage/open.ts";
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
    const model = Buffer.from("1"); // what the card of seed 1 has the SHA-256 of
    await before.models.put(sha256("1"), model);
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

  it("sets files without a record aside, and removes what a crash left half-written", async () => {
    await (await open()).close();
    const orphan = `ab${"0".repeat(62)}`;
    await mkdir(join(folder, "files", "ab"));
    await writeFile(join(folder, "files", "ab", orphan), "x");
    await writeFile(join(folder, "files", "ab", `${orphan}.0123456789ab.tmp`), "half");
    await writeFile(join(folder, "models", `${orphan}.onnx`), "y");
    const storage = await open();
    assert.equal(await storage.images.get(orphan), undefined);
    assert.equal(await storage.models.get(orphan), undefined);
    assert.deepEqual(await readdir(join(folder, "files", "ab")), []);
    assert.equal(await readFile(join(folder, "files", "lost+found", orphan), "utf8"), "x");
    assert.equal(await readFile(join(folder, "models", "lost+found", `${orphan}.onnx`), "utf8"), "y");
    await storage.close();
    await (await open()).close();
    assert.equal(await readFile(join(folder, "files", "lost+found", orphan), "utf8"), "x");
  });

  it("says how many files it set aside, and where", async () => {
    await (await open()).close();
    await mkdir(join(folder, "files", "ab"));
    for (const digit of "abc") await writeFile(join(folder, "files", "ab", `ab${digit.repeat(62)}`), digit);
    const log: string[] = [];
    const logger = pino({ level: "warn" }, { write: (line) => void log.push(line) });
    await (await openStorage(folder, logger)).close();
    const { count, folder: aside, msg } = JSON.parse(log.join("")) as Record<string, unknown>;
    assert.deepEqual([count, aside], [3, join(folder, "files", "lost+found")]);
    assert.match(String(msg), /set aside/);
  });

  it("leaves files alone whose names it would not have given", async () => {
    await (await open()).close();
    const hash = `ab${"0".repeat(62)}`;
    const foreign = [
      "notes.txt",
      "files/thesis.doc",
      "files/ab/thesis.doc",
      "files/ab/draft.tmp",
      `files/cd/${hash}`,
      `files/ab/${hash.toUpperCase()}`,
      `files/ab/${"x".repeat(64)}`,
      "models/mymodel.bin",
      "models/README.md",
      `models/${hash}`,
      `files/ab/${hash}/inside`,
      "index/1-notes.txt",
      "uploads/letter.part",
    ];
    for (const path of foreign) {
      await mkdir(dirname(join(folder, path)), { recursive: true });
      await writeFile(join(folder, path), path);
    }
    const storage = await open();
    await storage.vectors.removeUnused([1]);
    await storage.close();
    for (const path of foreign) assert.equal(await readFile(join(folder, path), "utf8"), path);
  });

  it("is not made of a folder that holds files and no database; nothing there is touched", async () => {
    const { folder: foreign, remove: removeForeign } = await temporaryFolder();
    const file = join(foreign, "files", image.sha256.slice(0, 2), image.sha256);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, bytes);
    const before = await readdir(foreign, { recursive: true });
    const refused = { code: "invalid_configuration", message: /holds files \(files\) and no moco-search\.db.*restore/ };
    await assert.rejects(openStorage(foreign, pino({ level: "silent" })), refused);
    await assert.rejects(openApiKeys(foreign, { create: true }), refused);
    assert.deepEqual(await readdir(foreign, { recursive: true }), before);
    await removeForeign();
  });

  it("is made of a folder that a start left which was killed, or that is the root of a disk", async () => {
    await writeFile(join(folder, "lock"), "");
    await mkdir(join(folder, "lost+found"));
    await (await open()).close();
  });

  it("can be read by its owner alone", async () => {
    const data = join(folder, "new");
    const storage = await openStorage(data, pino({ level: "silent" }));
    const modes = async (...names: string[]) =>
      Promise.all(names.map(async (name) => ((await stat(join(data, name))).mode & 0o777).toString(8)));
    assert.deepEqual(await modes("", "files", "models"), ["700", "700", "700"]);
    assert.deepEqual(await modes(DATABASE_FILE, `${DATABASE_FILE}-wal`, "lock"), ["600", "600", "600"]);
    await storage.close();
  });

  it("belongs to one server at a time", async () => {
    const storage = await open();
    await assert.rejects(open(), {
      code: "invalid_configuration",
      message: `Another server uses the data folder ${folder}. Stop it or choose another data folder.`,
    });
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
      ALTER TABLE encoders DROP COLUMN embedded; ALTER TABLE swaps DROP COLUMN skip_damaged;
      ALTER TABLE swaps DROP COLUMN review; ALTER TABLE swaps DROP COLUMN approved_at; PRAGMA user_version = 3;`);
    database.close();
    const after = await open();
    assert.deepEqual(await after.catalogue.embeddings.tally(encoder), { sequence: 0, contents: 2, embedded: 2 });
    await after.close();
  });
});
