import assert from "node:assert/strict";
import { png } from "../../../support/pictures.ts";
import { encoderPids } from "../../../support/processes.ts";
import { startTestServer, type TestServer } from "../../../support/test-server.ts";

describe("GET /livez and /readyz", () => {
  let server: TestServer;
  before(async () => {
    server = await startTestServer();
  });
  after(() => server.close());

  it("answer once the server has started", async () => {
    await server.http.get("/livez").expect(200);
    await server.http.get("/readyz").expect(200);
  });

  it("tell them apart when the encoder dies, and it is started again", async () => {
    const [pid] = encoderPids();
    process.kill(pid!, "SIGKILL");
    const deadline = Date.now() + 20_000;
    while ((await server.http.get("/readyz")).status === 200) assert.ok(Date.now() < deadline);
    const { body, headers } = await server.http.get("/readyz");
    assert.equal(body.code, "not_ready");
    assert.ok(headers["retry-after"]);
    await server.http.get("/livez").expect(200);
    const refused = await server.http.post("/v1/embeddings").attach("image", await png(1), "a.png");
    assert.deepEqual([refused.status, refused.body.code], [503, "encoder_unavailable"]);
    while ((await server.http.get("/readyz")).status !== 200) assert.ok(Date.now() < deadline);
    await server.http
      .post("/v1/embeddings")
      .attach("image", await png(1), "a.png")
      .expect(200);
  });

  it("other addresses are 404", async () => {
    assert.equal((await server.http.get("/nothing").expect(404)).body.code, "not_found");
  });
});
