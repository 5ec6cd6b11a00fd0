import assert from "node:assert/strict";
import { png } from "../../../support/pictures.ts";
import { startTestServer, type TestServer } from "../../../support/test-server.ts";

describe("changes and repeats", () => {
  let server: TestServer;
  before(async () => {
    server = await startTestServer();
  });
  after(() => server.close());
  const upload = async (seed: number, metadata: unknown = {}, key?: string) => {
    const post = server.http.post("/v1/images").attach("image", await png(seed), "a");
    if (key) post.set("Idempotency-Key", key);
    return post.field("metadata", JSON.stringify(metadata));
  };
  const count = async () => (await server.http.get("/v1/images?limit=1000").expect(200)).body.images.length;

  describe("PATCH /v1/images/{id}", () => {
    it("merges metadata, and null removes a key", async () => {
      const { id } = (await upload(1, { a: 1, b: { c: 2, d: 3 }, e: [1] })).body.images[0];
      const patch = { metadata: { a: null, b: { c: 5 }, e: [2], f: "x" } };
      const { body } = await server.http.patch(`/v1/images/${id}`).send(patch).expect(200);
      assert.deepEqual(body.metadata, { b: { c: 5, d: 3 }, e: [2], f: "x" });
      assert.deepEqual((await server.http.get(`/v1/images/${id}`)).body, body);
    });

    it("keeps strange keys and values as they are", async () => {
      const metadata = { "../../etc/passwd": "\u0000\ud83d\ude00", "": 1 };
      const { id } = (await upload(2)).body.images[0];
      await server.http
        .patch(`/v1/images/${id}`)
        .set("Content-Type", "application/merge-patch+json")
        .send(JSON.stringify({ metadata }))
        .expect(200);
      const { text } = await server.http.get(`/v1/images/${id}`).expect(200);
      assert.deepEqual(JSON.parse(text).metadata, metadata);
    });

    it("returns 404, 400, 415 and 413 and changes nothing", async () => {
      const { id } = (await upload(3, { a: 1 })).body.images[0];
      await server.http.patch("/v1/images/none").send({ metadata: {} }).expect(404);
      for (const body of [{}, { metadata: 1 }, { metadata: [] }, { metadata: {}, id: "x" }]) {
        await server.http.patch(`/v1/images/${id}`).send(body).expect(400);
      }
      await server.http.patch(`/v1/images/${id}`).type("text").send("a").expect(415);
      await server.http
        .patch(`/v1/images/${id}`)
        .send({ metadata: { a: "x".repeat(70_000) } })
        .expect(400);
      await server.http
        .patch(`/v1/images/${id}`)
        .send({ metadata: { a: "x".repeat(3_000_000) } })
        .expect(413);
      assert.deepEqual((await server.http.get(`/v1/images/${id}`)).body.metadata, { a: 1 });
    });
  });

  describe("many at once", () => {
    const idOf = async (seed: number, metadata: unknown) => (await upload(seed, metadata)).body.images[0].id as string;
    const metadataOf = async (id: string) => (await server.http.get(`/v1/images/${id}`).expect(200)).body.metadata;

    it("PATCH /v1/images merges into each, and names those that are not there", async () => {
      const ids = await Promise.all([4, 5, 6].map((seed) => idOf(seed, { seed, old: 1 })));
      const change = { ids: [...ids, "none", ids[0]], metadata: { old: null, label: "x" } };
      for (const _ of ["once", "again"]) {
        const { body } = await server.http.patch("/v1/images").send(change).expect(200);
        assert.deepEqual(body, { changed: 3, missing: ["none"] });
      }
      for (const [i, id] of ids.entries()) assert.deepEqual(await metadataOf(id), { seed: 4 + i, label: "x" });
    });

    it("PATCH /v1/images says which image would have too much metadata", async () => {
      const ids = [await idOf(7, { a: "x".repeat(40_000) }), await idOf(8, {})];
      const change = { ids, metadata: { b: "x".repeat(40_000) } };
      const { body } = await server.http.patch("/v1/images").send(change).expect(400);
      assert.match(body.detail, new RegExp(`^Image ${ids[0]}: expected at most 65536 bytes of metadata`));
      assert.equal((await metadataOf(ids[0]!)).b, undefined);
    });

    it("POST /v1/images/delete deletes each, and names those that are not there", async () => {
      const ids = [await idOf(9, {}), await idOf(9, {})];
      const before = await count();
      const { body } = await server.http
        .post("/v1/images/delete")
        .send({ ids: [...ids, "none"] })
        .expect(200);
      assert.deepEqual(body, { deleted: 2, missing: ["none"] });
      const again = await server.http.post("/v1/images/delete").send({ ids }).expect(200);
      assert.deepEqual(again.body, { deleted: 0, missing: ids });
      assert.equal(await count(), before - 2);
    });

    it("refuses none, more than 1000 and other methods", async () => {
      const ids = Array.from({ length: 1001 }, (_, i) => `${i}`);
      for (const wrong of [{}, { ids: [] }, { ids }, { ids: "a" }, { ids: [1] }, { ids: ["a"], more: 1 }]) {
        await server.http.post("/v1/images/delete").send(wrong).expect(400);
        await server.http
          .patch("/v1/images")
          .send({ ...wrong, metadata: {} })
          .expect(400);
      }
      assert.equal((await server.http.put("/v1/images").expect(405)).headers.allow, "GET, PATCH, POST");
      assert.equal((await server.http.get("/v1/images/delete").expect(405)).headers.allow, "POST");
    });
  });

  describe("Idempotency-Key", () => {
    it("stores an upload that is sent again once, also at the same time and after a restart", async () => {
      const before = await count();
      const answers = await Promise.all([1, 2, 3].map(() => upload(10, { n: 1 }, "k1")));
      await server.restart();
      answers.push(await upload(10, { n: 1 }, "k1"));
      for (const answer of answers) {
        assert.equal(answer.status, 201);
        assert.deepEqual(answer.body, answers[0]!.body);
      }
      assert.equal(await count(), before + 1);
    });

    it("returns 422 for another upload under the same key, and tells the places of files apart", async () => {
      await upload(11, {}, "k2");
      assert.equal((await upload(12, {}, "k2")).body.code, "idempotency_key_reused");
      assert.equal((await upload(11, { other: 1 }, "k2")).status, 422);
      const file = await png(13);
      const two = await server.http
        .post("/v1/images")
        .set("Idempotency-Key", "k3")
        .attach("image", file, "a")
        .attach("image", file, "b")
        .expect(201);
      assert.notEqual(two.body.images[0].id, two.body.images[1].id);
    });

    it("a refused upload may be sent again", async () => {
      const bad = () =>
        server.http.post("/v1/images").set("Idempotency-Key", "k4").attach("image", Buffer.from("no image"), "a");
      await bad().expect(415);
      assert.equal((await upload(14, {}, "k4")).status, 201);
    });
  });

  it("GET /v1/duplicates groups near duplicates and tells exact ones apart", async () => {
    await server.close();
    server = await startTestServer();
    const { default: sharp } = await import("sharp");
    const send = async (file: Buffer) =>
      (await server.http.post("/v1/images").attach("image", file, "a").expect(201)).body.images[0].id as string;
    const original = await png(20, { width: 128, height: 96 });
    const near = await sharp(original).jpeg({ quality: 80 }).toBuffer();
    const copy = await png(21);
    const [a, b] = [await send(original), await send(near)];
    const [c, d] = [await send(copy), await send(copy)];
    for (let seed = 30; seed < 36; seed++) await send(await png(seed));
    const { body } = await server.http.get("/v1/duplicates?threshold=0.9995").expect(200);
    assert.equal(body.total, 2);
    const [exact, similar] = [...body.groups].sort((x: { exact: boolean }, y) => Number(y.exact) - Number(x.exact));
    const idsOf = (group: { images: Array<{ id: string }> }) => group.images.map(({ id }) => id).sort();
    assert.deepEqual(idsOf(exact), [c, d].sort());
    assert.deepEqual([exact.exact, exact.similarity], [true, 1]);
    assert.deepEqual(idsOf(similar), [a, b].sort());
    assert.equal(similar.exact, false);
    assert.ok(similar.similarity >= 0.9995 && similar.similarity < 1.00001);
    assert.equal((await server.http.get("/v1/duplicates?threshold=0.9995&limit=1")).body.groups.length, 1);
    await server.http.get("/v1/duplicates?threshold=2").expect(400);

    const { duplicateOf: _, ...stored } = (await server.http.get(`/v1/images/${d}`).expect(200)).body;
    assert.deepEqual(exact.images[1], stored);
    const measured = (await server.http.get("/v1/duplicates").expect(200)).body;
    assert.ok(measured.threshold > 0.5 && measured.threshold < 1, `${measured.threshold}`);
    const linked = measured.groups.map((group: { images: Array<{ id: string }> }) => idsOf(group));
    for (const pair of [
      [a, b],
      [c, d],
    ]) {
      assert.ok(linked.some((ids: string[]) => pair.every((id) => ids.includes(id!))));
    }
  });
});
