import assert from "node:assert/strict";
import { openGeneration } from "../../server/generation/generation.ts";
import { png } from "../../support/pictures.ts";
import { activate } from "../../support/swaps.ts";
import { startTestServer, type TestServer } from "../../support/test-server.ts";

describe("restart", () => {
  let server: TestServer;
  before(async () => {
    server = await startTestServer();
  });
  after(() => server.close());

  it("keeps images, metadata, deletes, search results and the active model", async () => {
    await activate(server, "other");
    const ids: string[] = [];
    for (let seed = 0; seed < 10; seed++) {
      const post = server.http.post("/v1/images").attach("image", await png(seed), "a.png");
      ids.push((await post.field("metadata", JSON.stringify({ seed })).expect(201)).body.images[0].id);
    }
    await server.http.delete(`/v1/images/${ids[0]}`).expect(204);
    const everything = async () => ({
      images: (await server.http.get("/v1/images").expect(200)).body,
      search: (await server.http.post("/v1/search").send({ id: ids[5] }).expect(200)).body,
      content: (await server.http.get(`/v1/images/${ids[5]}/content`).expect(200)).body,
      active: (await server.http.get("/v1/models").expect(200)).body.active,
    });
    const before = await everything();
    assert.equal(before.images.images.length, 9);
    await server.restart();
    assert.deepEqual(await everything(), before);
  });

  it("finishes the requests under way", async () => {
    const uploads = await Promise.all(
      Array.from({ length: 5 }, async (_, seed) =>
        server.http.post("/v1/images").attach("image", await png(seed), "a"),
      ),
    );
    assert.ok(uploads.every(({ status }) => status === 201));
    const file = await png(77);
    const [answers] = await Promise.all([
      Promise.allSettled(Array.from({ length: 10 }, () => server.http.post("/v1/images").attach("image", file, "a"))),
      server.restart(),
    ]);
    const acknowledged = answers.flatMap((answer) =>
      answer.status === "fulfilled" && answer.value.status === 201 ? [answer.value.body.images[0].id as string] : [],
    );
    for (const id of acknowledged) await server.http.get(`/v1/images/${id}`).expect(200);
  });

  it("what waits for an embedding whose client is gone learns that the server stops", async () => {
    const signals: AbortSignal[] = [];
    const stopped = await startTestServer(
      {},
      {
        openGeneration(record, storage, options, deps) {
          signals.push(deps.signal);
          return openGeneration(record, storage, options, deps);
        },
      },
    );
    await stopped.close();
    assert.deepEqual(
      signals.map(({ reason }) => reason.code),
      ["not_ready"],
    );
  });
});
