import assert from "node:assert/strict";
import { png } from "../../../support/pictures.ts";
import { startTestServer, type TestServer } from "../../../support/test-server.ts";

describe("POST /v1/search", () => {
  let server: TestServer;
  const ids: string[] = [];
  const embeddings: number[][] = [];
  const search = (body: object) => server.http.post("/v1/search").send(body);
  const cosine = (a: number[], b: number[]) => a.reduce((sum, value, i) => sum + value * b[i]!, 0);

  before(async () => {
    server = await startTestServer();
    for (let seed = 0; seed < 12; seed++) {
      const file = await png(seed);
      const { body } = await server.http
        .post("/v1/images")
        .attach("image", file, "a.png")
        .field("metadata", JSON.stringify({ seed }));
      ids.push(body.images[0].id);
      embeddings.push((await server.http.post("/v1/embeddings").attach("image", file, "a.png")).body.embeddings[0]);
    }
  });
  after(() => server.close());

  /** Ids by falling similarity to image `query`. */
  const ranked = (query: number) =>
    ids
      .map((id, i) => ({ id, score: cosine(embeddings[query]!, embeddings[i]!), metadata: { seed: i } }))
      .sort((a, b) => b.score - a.score);

  const assertMatches = (
    actual: Array<{ id: string; score: number; metadata: unknown }>,
    expected: Array<{ id: string; score: number; metadata: unknown }>,
  ) => {
    assert.deepEqual(
      actual.map(({ id, metadata }) => ({ id, metadata })),
      expected.map(({ id, metadata }) => ({ id, metadata })),
    );
    for (const [i, { score }] of actual.entries()) assert.ok(Math.abs(score - expected[i]!.score) < 1e-5);
  };

  it("by an image file: the nearest first, the same image with score 1", async () => {
    const { body } = await server.http
      .post("/v1/search")
      .attach("image", await png(3), "q.png")
      .field("k", "5")
      .expect(200);
    assert.deepEqual([body.generation, body.model.name], [1, "default"]);
    assertMatches(body.matches, ranked(3).slice(0, 5));
    assert.ok(Math.abs(body.matches[0].score - 1) < 1e-5);
  });

  it("by a stored image, which is left out", async () => {
    const { body } = await search({ id: ids[4] }).expect(200);
    assertMatches(body.matches, ranked(4).slice(1, 11));
  });

  it("by a vector of any length", async () => {
    const { body } = await search({ vector: embeddings[5]!.map((v) => v * 37), k: 3 }).expect(200);
    assertMatches(body.matches, ranked(5).slice(0, 3));
  });

  it("leaves out matches below minScore", async () => {
    const all = ranked(6);
    const minScore = (all[2]!.score + all[3]!.score) / 2;
    const { body } = await search({ vector: embeddings[6], k: 1000, minScore }).expect(200);
    assertMatches(body.matches, all.slice(0, 3));
  });

  it("answers in UTF-8, with its length in bytes", async () => {
    const search = async () => {
      const { body, headers, text } = await server.http.post("/v1/search").send({ id: ids[8], k: 1 }).expect(200);
      assert.equal(headers["content-length"], String(Buffer.byteLength(text)));
      return body.matches[0];
    };
    const nearest = await search();
    const change = (metadata: object) => server.http.patch(`/v1/images/${nearest.id}`).send({ metadata }).expect(200);
    for (const name of ["\u00fc", "日本", "\ud83d\udeb2", "\ud800"]) {
      await change({ name });
      assert.equal((await search()).metadata.name, name);
    }
    await change({ name: null });
  });

  const vector = Array(16).fill(0.5);
  for (const [what, body, status, code] of [
    ["an unknown id", { id: "unknown" }, 404, "image_not_found"],
    ["a vector of the wrong length", { vector: [1, 2, 3] }, 400, "invalid_vector"],
    ["a vector of zeros", { vector: Array(16).fill(0) }, 400, "invalid_vector"],
    [
      "a vector with null, which NaN becomes in JSON",
      { vector: [...vector.slice(1), Number.NaN] },
      400,
      "invalid_vector",
    ],
    ["a vector with text", { vector: [...vector.slice(1), "1"] }, 400, "invalid_vector"],
    ["numbers that are too large", { vector: [...vector.slice(1), 1e300] }, 400, "invalid_vector"],
    ["k = 0", { vector, k: 0 }, 400, "invalid_request"],
    ["k = 1001", { vector, k: 1001 }, 400, "invalid_request"],
    ["k = 1.5", { vector, k: 1.5 }, 400, "invalid_request"],
    ["minScore = 2", { vector, minScore: 2 }, 400, "invalid_request"],
    ["neither id nor vector", { k: 3 }, 400, "invalid_request"],
    ["both id and vector", { id: "x", vector }, 400, "invalid_request"],
    ["an unknown option", { vector, colour: "red" }, 400, "invalid_request"],
  ] as const) {
    it(`returns ${status} ${code} for ${what}`, async () => {
      const answer = await search(body).expect(status);
      assert.equal(answer.body.code, code);
      assert.equal(answer.body.status, status);
      assert.match(answer.headers["content-type"]!, /^application\/problem\+json/);
    });
  }

  for (const [what, text] of Object.entries({
    "NaN as it is": '{"vector":[NaN]}',
    "an overflow": '{"vector":[1e999]}',
    "cut JSON": "{",
  })) {
    it(`returns 400 for ${what}`, async () => {
      const { body } = await server.http
        .post("/v1/search")
        .set("Content-Type", "application/json")
        .send(text)
        .expect(400);
      assert.match(body.code, /^invalid_(request|vector)$/);
    });
  }

  it("returns 400 for two images, and for k = 0 beside an image", async () => {
    const file = await png(1);
    const two = server.http.post("/v1/search").attach("image", file, "a.png").attach("image", file, "b.png");
    assert.equal((await two.expect(400)).body.code, "invalid_request");
    const none = server.http.post("/v1/search").attach("image", file, "a.png").field("k", "0");
    assert.equal((await none.expect(400)).body.code, "invalid_request");
  });
});
