// A swap over stored files that are missing or damaged.
import assert from "node:assert/strict";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import Database from "better-sqlite3";
import { sha256 } from "../../../core/hash.ts";
import { png } from "../../../support/pictures.ts";
import { activate, swapEnd } from "../../../support/swaps.ts";
import { startTestServer, type TestServer } from "../../../support/test-server.ts";

describe("a swap over damaged files", () => {
  let server: TestServer;
  const images: Array<{ id: string; sha256: string }> = [];
  before(async () => {
    server = await startTestServer();
    for (let seed = 0; seed < 5; seed++) images.push(await upload(seed));
    await rm(pathOf(images[1]!));
    await writeFile(pathOf(images[3]!), await png(99)); // an image, but another
  });
  after(() => server.close());

  const upload = async (seed: number): Promise<{ id: string; sha256: string }> => {
    const post = server.http.post("/v1/images").attach("image", await png(seed), "a.png");
    return (await post.expect(201)).body.images[0];
  };
  const pathOf = ({ sha256 }: { sha256: string }) => join(server.dataFolder, "files", sha256.slice(0, 2), sha256);
  const found = async (seed: number) => {
    const search = server.http
      .post("/v1/search")
      .field("k", "100")
      .attach("image", await png(seed), "a.png");
    const { body } = await search.expect(200);
    return (body.matches as Array<{ id: string }>).map(({ id }) => id).sort();
  };
  const idsOf = (...numbers: number[]) => numbers.map((n) => images[n]!.id).sort();

  it("fails with the names of the images, and nothing changes", async () => {
    const { state, error } = await activate(server, "other");
    assert.deepEqual([state, error?.code], ["failed", "file_damaged"]);
    for (const id of idsOf(1, 3)) assert.ok(error!.detail.includes(id), error!.detail);
    for (const id of idsOf(0, 2, 4)) assert.ok(!error!.detail.includes(id));
    assert.match(error!.detail, /--skip-damaged/);
    assert.deepEqual(await found(0), idsOf(0, 1, 2, 3, 4));
  });

  it("goes on without them where that is allowed, and lists them in its report", async () => {
    const { state, report, error, skipDamaged } = await activate(server, "other", { skipDamaged: true });
    assert.equal(state, "active", error?.detail);
    assert.equal(skipDamaged, true);
    assert.equal(report!.contents, 3);
    assert.deepEqual([report!.skipped!.contents, [...report!.skipped!.images].sort()], [2, idsOf(1, 3)]);
    assert.deepEqual(await found(0), idsOf(0, 2, 4));
  });

  it("they are found again once their files were sent again", async () => {
    const again = [await upload(1), await upload(3)].map(({ id }) => id);
    assert.deepEqual(await found(0), [...idsOf(0, 1, 2, 3, 4), ...again].sort());
    for (const id of again) await server.http.delete(`/v1/images/${id}`).expect(204);
  });

  it("a rollback is not held up by them, and a later swap needs no permission once they are whole", async () => {
    await rm(pathOf(images[2]!));
    const { body } = await server.http.post("/v1/rollback").expect(202);
    assert.equal((await swapEnd(server, body.swap.id)).state, "active");
    assert.deepEqual(await found(0), idsOf(0, 1, 2, 3, 4));
    await server.http.delete(`/v1/images/${(await upload(2)).id}`).expect(204);
    const { state, report } = await activate(server, "other");
    assert.deepEqual([state, report!.contents, report!.skipped], ["active", 5, undefined]);
  });
});

describe("a swap over a file that is as it was stored but cannot be decoded any more", () => {
  let server: TestServer;
  before(async () => {
    server = await startTestServer();
  });
  after(() => server.close());

  it("names the image and why, and goes on without it where that is allowed", async function () {
    this.timeout(120_000);
    const ids: string[] = [];
    for (let seed = 0; seed < 3; seed++) {
      const post = server.http.post("/v1/images").attach("image", await png(seed), "a.png");
      ids.push((await post.expect(201)).body.images[0].id);
    }
    // As if an older version, which took what this one does not, had stored it.
    const file = Buffer.from("no image of today");
    const hash = sha256(file);
    const folder = join(server.dataFolder, "files", hash.slice(0, 2));
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, hash), file);
    const database = new Database(join(server.dataFolder, "moco-search.db"));
    const statement = "UPDATE contents SET sha256 = ? WHERE number = (SELECT content FROM images WHERE id = ?)";
    assert.equal(database.prepare(statement).run(hash, ids[1]).changes, 1);
    database.close();

    const { state, error } = await activate(server, "other");
    assert.deepEqual([state, error!.code], ["failed", "file_damaged"]);
    assert.match(error!.detail, new RegExp(`cannot be decoded: ${ids[1]}\\. Expected a JPEG.*--skip-damaged`));
    const swap = await activate(server, "other", { skipDamaged: true });
    assert.equal(swap.state, "active", swap.error?.detail);
    assert.deepEqual([swap.report!.contents, swap.report!.skipped], [2, { contents: 1, images: [ids[1]] }]);
  });
});
