import assert from "node:assert/strict";
import { png } from "../../../support/pictures.ts";
import { startTestServer, type TestServer } from "../../../support/test-server.ts";

describe("GET /, /web and /v1/map", () => {
  let server: TestServer;
  before(async () => {
    server = await startTestServer();
  });
  after(() => server.close());

  it("gives the page and every file that it names", async () => {
    const { text, headers } = await server.http.get("/").expect(200).expect("Content-Type", /html/);
    assert.equal(headers["cache-control"], "no-cache");
    assert.match(headers["content-security-policy"]!, /default-src 'self'/);
    assert.equal(headers["cross-origin-opener-policy"], "same-origin");
    assert.equal(headers["referrer-policy"], "no-referrer");
    assert.doesNotMatch(text, /<style|style="|<script>|https?:\/\//);
    const names = [...text.matchAll(/(?:src|href)="\.(\/web\/[^"]+)"/g)].map(([, name]) => name!);
    assert.ok(names.length >= 3, text);
    for (const name of names) {
      const response = await server.http.get(name).set("Accept-Encoding", "br").expect(200);
      // Its name has a hash of what it holds.
      assert.equal(response.headers["cache-control"], "public, max-age=31536000, immutable");
      if (name.endsWith(".js")) assert.equal(response.headers["content-encoding"], "br");
    }
  });

  it("gives nothing else of the disk", async () => {
    for (const path of ["/web/../app.ts", "/web/%2e%2e/app.ts", "/web/nothing.js", "/web/"]) {
      assert.equal((await server.http.get(path).expect(404)).body.code, "not_found");
    }
  });

  it("lays the collection out, without what was deleted since", async () => {
    assert.deepEqual((await server.http.get("/v1/map").expect(200)).body.points, []);
    let upload = server.http.post("/v1/images").field("metadata", '{"kind":"picture"}');
    for (let seed = 1; seed <= 24; seed++) upload = upload.attach("image", await png(seed), `${seed}.png`);
    const { images } = (await upload.expect(201)).body;
    const { body } = await server.http.get("/v1/map").expect(200);
    assert.deepEqual([body.generation, body.model.name, body.stored, body.points.length], [1, "default", 24, 24]);
    assert.deepEqual(body.points[0].metadata, { kind: "picture" });
    await server.http.delete(`/v1/images/${images[0].id}`).expect(204);
    const after = (await server.http.get("/v1/map").expect(200)).body.points;
    assert.deepEqual(
      after,
      body.points.filter(({ id }: { id: string }) => id !== images[0].id),
    );
  });
});
