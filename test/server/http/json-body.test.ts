import assert from "node:assert/strict";
import { Agent, request } from "node:http";
import { text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import { startTestServer, type TestServer } from "../../../support/test-server.ts";

describe("a JSON body", () => {
  let server: TestServer;
  before(async () => {
    server = await startTestServer();
  });
  after(() => server.close());

  const json = `{"sha256":["${"0".repeat(64)}"]}`;
  const send = (body: string | Buffer, type = "application/json", encoding?: string) => {
    const post = server.http.post("/v1/images/known").set("Content-Type", type);
    if (encoding) post.set("Content-Encoding", encoding);
    return post.serialize((bytes) => bytes).send(body);
  };

  it("is taken in UTF-8, whether it says so or not, with a byte order mark or without", async () => {
    for (const type of ["application/json", "Application/JSON; charset=UTF-8", 'application/json;charset="utf-8"']) {
      for (const mark of ["", "\uFEFF"]) {
        assert.deepEqual((await send(mark + json, type).expect(200)).body, { known: [] }, type);
      }
    }
    await send(json, "application/json", "identity").expect(200);
  });

  it("is refused in another charset, compressed, or of another type: 415 that says what is expected", async () => {
    const cases = [
      [json, "application/json; charset=latin1", undefined, "charset is latin1"],
      [gzipSync(json), "application/json", "gzip", "encoded with gzip"],
      [json, "text/plain", undefined, "content type is text/plain"],
      [json, "application/jsonp", undefined, "content type is application/jsonp"],
    ] as const;
    for (const [body, type, encoding, says] of cases) {
      const answer = await send(body, type, encoding).expect(415);
      assert.equal(answer.body.code, "unsupported_media_type");
      assert.match(answer.body.detail, /^Expected application\/json but /);
      assert.ok(answer.body.detail.includes(says), answer.body.detail);
    }
  });

  it("that is no JSON, or nothing, or no object: 400 that says so", async () => {
    const cases = [
      ['{"sha256":', /^Expected JSON: .*JSON/],
      ["", /sha256/],
      ["null", /expected object/],
      ["[]", /expected object/],
      ['"text"', /expected object/],
      ['{"__proto__":{}}', /__proto__/],
    ] as const;
    for (const [body, says] of cases) {
      const answer = await send(body).expect(400);
      assert.equal(answer.body.code, "invalid_request");
      assert.match(answer.body.detail, says);
    }
  });

  it("of more than 2 MB: 413, and its connection can be used again, also a while later", async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const post = (body: string) =>
      new Promise<{ status: number | undefined; text: string; port: number | undefined }>((resolve, reject) => {
        const headers = { "Content-Type": "application/json" };
        const sent = request(`${server.url}/v1/images/known`, { agent, method: "POST", headers }, async (answer) => {
          const port = answer.socket.localPort;
          resolve({ status: answer.statusCode, text: await text(answer), port });
        });
        sent.on("error", reject).end(body);
      });
    try {
      const large = await post(JSON.stringify({ sha256: ["x".repeat(3 * 1024 ** 2)] }));
      assert.equal(large.status, 413);
      assert.equal(JSON.parse(large.text).code, "payload_too_large");
      await sleep(1500);
      const next = await post(json);
      assert.deepEqual([next.status, next.port], [200, large.port]);
    } finally {
      agent.destroy();
    }
  });

  it("says which number of a vector is none", async () => {
    const search = (vector: unknown) => server.http.post("/v1/search").send({ vector }).expect(400);
    for (const [vector, says] of [
      [[1, "2", 3], '"2" at 1'],
      [[1, null], "null at 1"],
      ["1,2", '"1,2"'],
      [Array(65_537).fill(0), "65537 values"],
    ] as const) {
      const { body } = await search(vector);
      assert.equal(body.code, "invalid_vector");
      assert.ok(body.detail.includes(says), body.detail);
    }
  });
});
