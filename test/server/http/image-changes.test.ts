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
