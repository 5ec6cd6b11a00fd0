import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { startTestServer, type TestServer } from "../../../support/test-server.ts";

describe("GET /v1/models", () => {
  let server: TestServer;
  before(async () => {
    server = await startTestServer();
    await mkdir(join(server.modelsFolder, "broken"));
    await writeFile(join(server.modelsFolder, "broken", "model.json"), "{");
  });
  after(() => server.close());

  it("lists every model, which one answers, and why one cannot be used", async () => {
    const { body } = await server.http.get("/v1/models").expect(200);
    assert.deepEqual([body.active.generation, body.active.card.name], [1, "default"]);
    const states = body.models.map(({ name, state }: { name: string; state: string }) => [name, state]);
    assert.deepEqual(states, [
      ["broken", "invalid"],
      ["default", "active"],
      ["other", "available"],
    ]);
    assert.match(body.models[0].reason, /not JSON/);
    assert.equal(body.models[2].card.dimensions, 24);
  });

  it("gives one model", async () => {
    const { body } = await server.http.get("/v1/models/other").expect(200);
    assert.deepEqual([body.name, body.state, body.card.name], ["other", "available", "other"]);
    assert.equal((await server.http.get("/v1/models/broken").expect(422)).body.code, "invalid_model");
  });

  for (const name of ["unknown", "..%2F..%2Fetc", ".hidden", "a%00b"]) {
    it(`returns 404 for ${name}`, async () => {
      assert.equal((await server.http.get(`/v1/models/${name}`).expect(404)).body.code, "model_not_found");
      const activate = await server.http.post(`/v1/models/${name}/activate`).expect(404);
      assert.equal(activate.body.code, "model_not_found");
    });
  }
});
