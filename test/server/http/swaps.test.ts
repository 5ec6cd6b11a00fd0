import assert from "node:assert/strict";
import { cp, rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { png } from "../../../support/pictures.ts";
import { encoderPids } from "../../../support/processes.ts";
import { activate, swapEnd } from "../../../support/swaps.ts";
import { startTestServer, type TestServer } from "../../../support/test-server.ts";
import { writeTinyModel } from "../../../support/tiny-model.ts";

const IMAGES = 20; // fewer are not judged as collapsed

/** A server with stored images. */
async function startWithImages(): Promise<TestServer> {
  const server = await startTestServer();
  let post = server.http.post("/v1/images");
  for (let seed = 0; seed < IMAGES; seed++) post = post.attach("image", await png(seed), `${seed}.png`);
  await post.expect(201);
  return server;
}

describe("swaps", () => {
  let server: TestServer;
  const active = async () => (await server.http.get("/v1/models").expect(200)).body.active;
  const search = async (seed: number) =>
    (
      await server.http
        .post("/v1/search")
        .attach("image", await png(seed), "a.png")
        .expect(200)
    ).body;

  describe("one after another on one server", () => {
    before(async () => {
      server = await startWithImages();
    });
    after(() => server.close());

    it("a rollback is answered 409 where nothing was active before", async () => {
      assert.equal((await server.http.post("/v1/rollback").expect(409)).body.code, "no_previous_generation");
    });

    it("a cancel of an unknown swap is answered 404, as GET /v1/swaps/{id} is", async () => {
      assert.equal((await server.http.post("/v1/swaps/x/cancel").expect(404)).body.code, "swap_not_found");
      assert.equal((await server.http.get("/v1/swaps/x").expect(404)).body.code, "swap_not_found");
    });

    const refusals: ReadonlyArray<readonly [string, () => Promise<unknown>, RegExp]> = [
      [
        "gives embeddings that are not of unit norm",
        () => writeTinyModel(server.modelsFolder, "bad", { norm: 2, replace: true }),
        /norm is (2|1\.99)/,
      ],
      [
        "has collapsed",
        () => writeTinyModel(server.modelsFolder, "bad", { collapsed: true, replace: true }),
        /collapsed/,
      ],
      [
        "has another encoder than its card says",
        async () => {
          await writeTinyModel(server.modelsFolder, "bad", { seed: 5, replace: true });
          const [from, to] = ["other", "bad"].map((name) => join(server.modelsFolder, name, "encoder.onnx"));
          await cp(from!, to!);
        },
        /SHA-256/,
      ],
      [
        "has no encoder",
        async () => {
          await writeTinyModel(server.modelsFolder, "bad", { seed: 5, replace: true });
          await rm(join(server.modelsFolder, "bad", "encoder.onnx"));
        },
        /no readable encoder/,
      ],
    ];
    for (const [what, make, detail] of refusals) {
      it(`nothing changes where the candidate ${what}`, async () => {
        await make();
        const pids = encoderPids();
        const swap = await activate(server, "bad");
        assert.equal(swap.state, "failed");
        assert.equal(swap.error?.code, "invalid_model");
        assert.match(swap.error.detail, detail);
        assert.equal((await active()).generation, 1);
        assert.equal((await search(3)).matches.length, 10);
        await until(() => encoderPids().join() === pids.join()); // the candidate's process ends
      });
    }

    it("model and index move together, also after candidates that were refused; the report says what was found", async () => {
      const answer = await server.http.post("/v1/models/other/activate").expect(202);
      assert.equal(answer.headers.location, `/v1/swaps/${answer.body.swap.id}`);
      const swap = await swapEnd(server, answer.body.swap.id);
      assert.deepEqual([swap.state, swap.replaces, swap.model.name], ["active", 1, "other"]);
      assert.equal(swap.report?.contents, IMAGES);
      assert.ok(swap.report.recallAt10 >= 0.95);
      const { generation, model, matches } = await search(7);
      assert.deepEqual([generation, model.name, matches.length], [swap.generation, "other", 10]);
      assert.ok(swap.generation > 1);
      assert.ok(Math.abs(matches[0].score - 1) < 1e-5);
      const { body } = await server.http
        .post("/v1/embeddings")
        .attach("image", await png(7), "a.png")
        .expect(200);
      assert.equal(body.dimensions, 24);
    });

    it("a second swap is answered 409 while one runs", async () => {
      const [one, two] = await Promise.all([
        server.http.post("/v1/models/default/activate"),
        server.http.post("/v1/models/default/activate"),
      ]);
      assert.deepEqual([one.status, two.status].sort(), [202, 409]);
      const [accepted, refused] = one.status === 202 ? [one, two] : [two, one];
      assert.equal(refused.body.code, "swap_in_progress");
      assert.equal((await swapEnd(server, accepted.body.swap.id)).state, "active");
    });

    it("the active model is answered 409, so that a rollback still goes to the one before", async () => {
      await activate(server, "other");
      const list = async () => (await server.http.get("/v1/swaps").expect(200)).body.swaps;
      const before = await list();
      assert.deepEqual([before[0].state, before[0].model.name], ["active", "other"]);
      for (const query of ["", "?force=true"]) {
        const { body } = await server.http.post(`/v1/models/other/activate${query}`).expect(409);
        assert.equal(body.code, "model_active");
      }
      assert.deepEqual(await list(), before);
      await swapEnd(server, (await server.http.post("/v1/rollback").expect(202)).body.swap.id);
      assert.equal((await active()).card.name, "default");
      const { swaps } = (await server.http.get("/v1/swaps?limit=1").expect(200)).body;
      assert.deepEqual([swaps.length, swaps[0].kind], [1, "rollback"]);
    });
  });

  describe("each on a server of its own", () => {
    beforeEach(async () => {
      server = await startWithImages();
    });
    afterEach(() => server.close());

    it("a model that was trained again under its name is activated, and can go back to the first", async () => {
      const first = await active();
      await writeTinyModel(server.modelsFolder, "default", { seed: 3, replace: true });
      assert.equal((await server.http.get("/v1/models/default")).body.state, "available");
      assert.equal((await activate(server, "default")).state, "active");
      assert.equal((await active()).card.version, "seed-3");
      const { body } = await server.http.post("/v1/rollback").expect(202);
      assert.equal((await swapEnd(server, body.swap.id)).state, "active");
      assert.equal((await active()).card.sha256, first.card.sha256);
    });

    it("there is one process for the active generation and one for the way back", async () => {
      const [first] = encoderPids();
      await activate(server, "other");
      const second = encoderPids();
      assert.equal(second.length, 2);
      assert.equal(second[0], first);
      await activate(server, "default");
      const third = encoderPids();
      assert.equal(third.length, 2);
      assert.ok(!third.includes(first!));
    });

    it("a rollback keeps every change since, and so does the way forth again", async () => {
      const before = await search(3);
      await activate(server, "other");
      await server.http
        .post("/v1/images")
        .attach("image", await png(500), "new.png")
        .expect(201);
      await server.http.delete(`/v1/images/${before.matches[1].id}`).expect(204);
      for (const [name, generation] of [
        ["default", 1],
        ["other", 2],
      ] as const) {
        const { body } = await server.http.post("/v1/rollback").expect(202);
        const swap = await swapEnd(server, body.swap.id);
        assert.deepEqual([swap.state, swap.kind, swap.generation], ["active", "rollback", generation]);
        const found = await search(500);
        assert.deepEqual([found.generation, found.model.name], [generation, name]);
        assert.ok(Math.abs(found.matches[0].score - 1) < 1e-5);
        const ids = (await search(3)).matches.map(({ id }: { id: string }) => id);
        assert.ok(!ids.includes(before.matches[1].id));
      }
    });

    it("a rollback goes back after a restart too", async () => {
      await activate(server, "other");
      await server.restart();
      await server.http
        .post("/v1/images")
        .attach("image", await png(500), "new.png")
        .expect(201);
      const { body } = await server.http.post("/v1/rollback").expect(202);
      assert.equal((await swapEnd(server, body.swap.id)).state, "active");
      const found = await search(500);
      assert.equal(found.generation, 1);
      assert.ok(Math.abs(found.matches[0].score - 1) < 1e-5);
    });

    it("a cancel ends the swap and changes nothing", async () => {
      const { id } = (await server.http.post("/v1/models/other/activate").expect(202)).body.swap;
      await server.http.post(`/v1/swaps/${id}/cancel`).expect(202);
      assert.equal((await swapEnd(server, id)).state, "cancelled");
      assert.equal((await active()).generation, 1);
      assert.equal((await server.http.post(`/v1/swaps/${id}/cancel`).expect(409)).body.code, "swap_finished");
      assert.equal((await activate(server, "other")).state, "active");
    });

    it("a swap that a restart interrupts goes on", async () => {
      const { id } = (await server.http.post("/v1/models/other/activate").expect(202)).body.swap;
      await server.restart();
      assert.equal((await swapEnd(server, id)).state, "active");
      assert.equal((await search(3)).model.name, "other");
    });

    it("the server survives the death of the candidate's encoder", async () => {
      const [first] = encoderPids();
      const { id } = (await server.http.post("/v1/models/other/activate").expect(202)).body.swap;
      for (;;) {
        const candidate = encoderPids().find((pid) => pid !== first);
        if (candidate) {
          process.kill(candidate, "SIGKILL");
          break;
        }
        await sleep(5);
      }
      const swap = await swapEnd(server, id);
      assert.ok(["active", "failed"].includes(swap.state));
      assert.equal((await search(3)).matches.length, 10);
      if (swap.state === "failed") assert.equal((await activate(server, "other")).state, "active");
    });
  });
});

/** Waits until `holds`, ten seconds at most. */
async function until(holds: () => boolean): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (!holds()) {
    assert.ok(Date.now() < deadline, "still not so after ten seconds");
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
