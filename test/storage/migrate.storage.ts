// A collection moves from a data folder into PostgreSQL and S3 and back, and is the same.
import assert from "node:assert/strict";
import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pino } from "pino";
import { sha256 } from "../../core/hash.ts";
import { migrate, openPlace, parsePlaces } from "../../server/storage/migrate/index.ts";
import { openStorage } from "../../server/storage/open.ts";
import { openSharedStorage } from "../../server/storage/open-shared.ts";
import type { Storage } from "../../server/storage/ports.ts";
import { createDatabase } from "../../support/postgres.ts";
import { S3_KEYS, type S3Server, startS3Server } from "../../support/s3-server.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";
import { cardOf } from "../../support/tiny-model.ts";
import { unitVectors } from "../../support/vectors.ts";
import { collect } from "../server/storage/contract/storages.ts";

const logger = pino({ level: "silent" });
const COUNT = 40;
const vectors = unitVectors(2 * COUNT, 16, 3);
const bytesOf = (n: number) => Buffer.from(`the bytes of image ${n}`);

async function put(storage: Storage, n: number, encoders: readonly number[]) {
  const bytes = bytesOf(n);
  await storage.images.put(sha256(bytes), bytes);
  const image = { sha256: sha256(bytes), type: "png", width: 1, height: 2, bytes: bytes.length } as const;
  const metadata = { n, "2": "\0\ud800 é 😀", a: { z: [1, null, -0.1e-7] } };
  const key = n === 1 ? { key: "key", position: 0, content: "c" } : undefined;
  const embeddings = new Map(encoders.map((encoder) => [encoder, vectors[n + (encoder - 1) * COUNT]!]));
  const added = await storage.catalogue.images.add({ ...image, metadata }, embeddings, key);
  assert.ok("image" in added);
  return added;
}

/** Two generations, a switch, a rollback's target, deleted images, equal images, a key; returns the key. */
async function fill(storage: Storage): Promise<string> {
  const { catalogue, models } = storage;
  const model = Buffer.from("an encoder");
  const first = await catalogue.generations.addFirst({ ...cardOf({ seed: 1 }), sha256: sha256(model) });
  await models.put(first.card.sha256, model);
  const swap = await catalogue.swaps.begin(cardOf({ seed: 2 }), { force: true });
  const second = (await catalogue.generations.get(swap.generation))!;
  for (let n = 0; n < COUNT; n++) await put(storage, n, [first.encoder, second.encoder]);
  await put(storage, 3, []);
  const gone = await put(storage, COUNT - 1, []);
  for await (const batch of catalogue.images.list({ batch: 100 })) {
    for (const { image } of batch) if (image.sha256 === gone.image.sha256) await catalogue.images.remove(image.id);
  }
  await storage.images.remove(gone.image.sha256);
  await catalogue.swaps.report(swap.id, { contents: 1, recallAt10: 1, spread: 0.5 });
  assert.equal(await catalogue.swaps.switchTo(swap.id), true);
  return (await catalogue.apiKeys.create("admin", "mine")).key;
}

/** Everything that the ports show. */
async function everything({ catalogue, images }: Storage) {
  const listed = await collect(catalogue.images.list({ batch: 7 }));
  const generations = await Promise.all([1, 2, 3].map((number) => catalogue.generations.get(number)));
  return {
    listed,
    files: await Promise.all(listed.map(async ({ image }) => String(await images.get(image.sha256)))),
    embeddings: await Promise.all([1, 2].map((encoder) => collect(catalogue.embeddings.list(encoder, 9)))),
    tallies: await Promise.all(
      [1, 2].map(async (encoder) => ({ ...(await catalogue.embeddings.tally(encoder)), sequence: 0 })),
    ),
    generations,
    swaps: await catalogue.swaps.newest(10),
    keys: await catalogue.apiKeys.list(),
    upload: await catalogue.images.uploaded({ key: "key", position: 0 }),
  };
}

describe("moco-search migrate", function () {
  this.timeout(300_000);
  let folder: string;
  let removeFolder: () => Promise<void>;
  let s3: S3Server;
  let url: string;
  let removeDatabase: () => Promise<void>;
  let key: string;
  let before_: Awaited<ReturnType<typeof everything>>;
  const data = () => join(folder, "data");
  const shared = () => ({ database: url, files: s3.url });
  before(async () => {
    Object.assign(process.env, S3_KEYS);
    ({ folder, remove: removeFolder } = await temporaryFolder());
    s3 = await startS3Server();
    ({ url, remove: removeDatabase } = await createDatabase());
    const storage = await openStorage(data(), logger);
    key = await fill(storage);
    before_ = await everything(storage);
    await storage.close();
  });
  after(async () => {
    await s3.close();
    await removeDatabase();
    await removeFolder();
  });

  const run = async (texts: readonly string[], breakAfter = Number.POSITIVE_INFINITY) => {
    const [source, target] = parsePlaces(texts);
    const from = await openPlace(source, { mustExist: true });
    const to = await openPlace(target, { mustExist: false });
    let writes = 0;
    const write: typeof to.archive.write = async (table, rows) => {
      if (++writes > breakAfter) throw new Error("killed");
      await to.archive.write(table, rows);
    };
    try {
      return await migrate(from, { ...to, archive: { ...to.archive, write } });
    } finally {
      await from.close();
      await to.close();
    }
  };

  it("refuses arguments that name no two places, and a source that is none", async () => {
    for (const texts of [["./data"], ["./data", "postgres://h/d"], ["postgres://h/d", "s3://b"], ["a", "b", "c"]]) {
      assert.throws(() => parsePlaces(texts), { code: "invalid_configuration" });
    }
    await assert.rejects(openPlace([join(folder, "none")], { mustExist: true }), /is none/);
  });

  it("goes on after an interruption; until it has ended no server starts on it", async () => {
    await assert.rejects(run([data(), url, s3.url], 4), /killed/);
    await assert.rejects(openSharedStorage(shared(), logger), /migration to this database has not ended/);
    await assert.rejects(run([join(folder, "other"), url, s3.url]), /Expected the data folder/);
  });

  it("refuses a file that is damaged, and copies the rest once it is mended", async () => {
    const hash = sha256(bytesOf(5));
    const path = join(data(), "files", hash.slice(0, 2), hash);
    await writeFile(path, "other bytes");
    await assert.rejects(run([data(), url, s3.url]), new RegExp(`${hash} is damaged`));
    await writeFile(path, bytesOf(5));
  });

  it("makes a storage that shows the same, with the same keys, and goes on numbering", async () => {
    const report = await run([data(), url, s3.url]);
    assert.equal(report.rows.images, COUNT);
    assert.equal(report.rows.embeddings, 2 * (COUNT - 1));
    assert.equal(report.files, COUNT - 1 + 1);
    assert.ok(report.copied < report.files, "what was copied before the interruption is not copied again");
    const storage = await openSharedStorage(shared(), logger);
    assert.deepEqual(await everything(storage), before_);
    assert.equal(await storage.catalogue.apiKeys.roleOf(key), "admin");
    const index = storage.vectors.open((await storage.catalogue.generations.inState("active"))!);
    await index.fill();
    await index.optimise();
    const wanted = { limit: 1, minScore: -1, leftOut: new Set<string>(), filter: { field: "n", eq: 7 } };
    assert.equal(
      (await index.search(vectors[7 + COUNT]!, wanted))[0]!.id,
      before_.listed.find(({ image }) => image.metadata.n === 7)!.image.id,
    );
    const added = await put(storage, COUNT - 1, [1, 2]);
    assert.ok(added.content > COUNT, "the number of the content that was deleted is not used again");
    await storage.catalogue.images.remove(added.image.id);
    await storage.close();
  });

  it("refuses a place that has other images", async () => {
    const other = join(folder, "full");
    const storage = await openStorage(other, logger);
    await fill(storage);
    await storage.close();
    await assert.rejects(run([other, url, s3.url]), /place that is empty/);
    await assert.rejects(run([url, s3.url, other]), /place that is empty/);
  });

  it("comes back the same", async () => {
    const back = join(folder, "back");
    await assert.rejects(run([url, s3.url, back], 3), /killed/);
    await assert.rejects(openStorage(back, logger), /has not ended/);
    await run([url, s3.url, back]);
    const storage = await openStorage(back, logger);
    assert.deepEqual(await everything(storage), before_);
    assert.equal(await storage.catalogue.apiKeys.roleOf(key), "admin");
    assert.equal((await readdir(join(back, "models"))).length, 1);
    const added = await put(storage, COUNT - 1, [1, 2]);
    assert.ok(added.content > COUNT + 1);
    await storage.close();
  });
});
