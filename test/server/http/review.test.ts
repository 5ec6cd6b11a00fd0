import assert from "node:assert/strict";
import { png } from "../../../support/pictures.ts";
import { swapEnd, swapInReview } from "../../../support/swaps.ts";
import { startTestServer, type TestServer } from "../../../support/test-server.ts";

/** So few that the gate compares no crops. */
const IMAGES = 15;

describe("a swap with review", () => {
  let server: TestServer;
  const generation = async () => (await server.http.get("/v1/models").expect(200)).body.active.generation;
  const begin = async (query = "review=true") =>
    (await server.http.post(`/v1/models/other/activate?${query}`).expect(202)).body.swap;
  const tell = (id: string, word: "approve" | "discard" | "cancel") => server.http.post(`/v1/swaps/${id}/${word}`);

  const start = async () => {
    server = await startTestServer();
    let post = server.http.post("/v1/images");
    for (let seed = 0; seed < IMAGES; seed++) post = post.attach("image", await png(seed), `${seed}.png`);
    await post.expect(201);
  };
  const stop = () => server.close();

  describe("on a server of its own", () => {
    beforeEach(start);
    afterEach(stop);

    it("waits, over restarts and with uploads going to both, until POST /v1/swaps/{id}/approve", async () => {
      const { id, review } = await begin();
      assert.equal(review, true);
      const waiting = await swapInReview(server, id);
      assert.equal(waiting.report?.contents, IMAGES);
      assert.ok(waiting.report.comparison!.neighbours.sample > 0);
      await server.http
        .post("/v1/images")
        .attach("image", await png(500), "new.png")
        .expect(201);

      await server.restart();
      assert.equal(await generation(), 1);
      assert.equal((await swapInReview(server, id)).report?.contents, IMAGES + 1);
      await server.http
        .post("/v1/images")
        .attach("image", await png(501), "newer.png")
        .expect(201);
      assert.equal((await server.http.post("/v1/models/other/activate").expect(409)).body.code, "swap_in_progress");

      const { swap } = (await tell(id, "approve").expect(202)).body;
      assert.ok(Date.parse(swap.approvedAt) <= Date.now());
      assert.equal((await swapEnd(server, id)).state, "active");
      for (const seed of [3, 500, 501]) {
        const search = server.http.post("/v1/search").attach("image", await png(seed), "a.png");
        const { generation: answered, matches } = (await search.expect(200)).body;
        assert.equal(answered, 2);
        assert.ok(Math.abs(matches[0].score - 1) < 1e-5, `${seed}`);
      }
      assert.equal((await tell(id, "approve").expect(409)).body.code, "swap_finished");
    });

    it("goes on after a restart where it was approved before", async () => {
      const { id } = await begin();
      await swapInReview(server, id);
      await tell(id, "approve").expect(202);
      await server.restart();
      assert.equal((await swapEnd(server, id)).state, "active");
    });

    it("is the server's default where it is configured so, and not for a rollback", async () => {
      await server.restart({ review: true });
      const { id } = await begin("");
      await swapInReview(server, id);
      await tell(id, "approve").expect(202);
      assert.equal((await swapEnd(server, id)).state, "active");
      const back = (await server.http.post("/v1/rollback").expect(202)).body.swap;
      assert.equal((await swapEnd(server, back.id)).state, "active");
      const direct = await begin("review=false");
      assert.equal((await swapEnd(server, direct.id)).state, "active");
    });
  });

  describe("after one that changed nothing", () => {
    before(start);
    after(stop);

    for (const word of ["discard", "cancel"] as const) {
      it(`ends on POST /v1/swaps/{id}/${word} and changes nothing`, async () => {
        const { id } = await begin();
        await swapInReview(server, id);
        await tell(id, word).expect(202);
        assert.equal((await swapEnd(server, id)).state, "cancelled");
        assert.equal(await generation(), 1);
        assert.equal(
          (await tell(id, word).expect(409)).body.code,
          word === "cancel" ? "swap_finished" : "not_in_review",
        );
      });
    }

    it("is refused a word that it does not wait for", async () => {
      const { id } = await begin("");
      for (const word of ["approve", "discard"] as const) {
        assert.match((await tell(id, word).expect(409)).body.code, /^(not_in_review|swap_finished)$/);
        assert.equal((await tell("x", word).expect(404)).body.code, "swap_not_found");
      }
      assert.equal((await swapEnd(server, id)).state, "active");
    });
  });
});
