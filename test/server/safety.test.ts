import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { text } from "node:stream/consumers";
import { start } from "../../server/index.ts";
import { openApiKeys } from "../../server/storage/open.ts";
import { png } from "../../support/pictures.ts";
import { encoderPids } from "../../support/processes.ts";
import { startTestServer, type TestServer } from "../../support/test-server.ts";

describe("safety", () => {
  let server: TestServer;
  before(async () => {
    server = await startTestServer();
  });
  after(() => server.close());

  describe("API keys", () => {
    const keys: Record<string, string> = {};
    const ids: Record<string, string> = {};
    before(async () => {
      const { keys: store, close } = await openApiKeys(server.dataFolder, { create: true });
      for (const role of ["read", "write", "admin"] as const) {
        const { id, key } = await store.create(role, "test");
        keys[role] = key;
        ids[role] = id;
      }
      close();
      await server.restart({ requireKeys: true });
    });
    after(() => server.restart({ requireKeys: false }));
    const as = (role: string, method: "get" | "post" | "delete" | "patch", path: string) =>
      server.http[method](path).set("Authorization", `Bearer ${keys[role]}`);

    it("others than this machine are not served without them", async () => {
      await assert.rejects(
        start({
          data: `${server.dataFolder}-2`,
          models: server.modelsFolder,
          host: "0.0.0.0",
          port: 0,
          logLevel: "silent",
        }),
        /Others can reach 0\.0\.0\.0.*demanded.*moco-search keys create/,
      );
    });

    it("says that keys were asked for where nobody else can reach the server", async () => {
      const options = {
        data: `${server.dataFolder}-2`,
        models: server.modelsFolder,
        port: 0,
        logLevel: "silent",
      } as const;
      await assert.rejects(start({ ...options, requireKeys: true }), (error: Error) => {
        assert.match(error.message, /requireKeys.*moco-search keys create/);
        assert.doesNotMatch(error.message, /Others can reach/);
        return true;
      });
    });

    it("without a key or with a wrong one nothing but health and the interface's description is told", async () => {
      for (const path of ["/v1/images", "/v1/models", "/metrics", "/V1/images", "/v1/nothing"]) {
        const { body, headers } = await server.http.get(path).expect(401);
        assert.equal(body.code, "unauthorized");
        assert.equal(headers["www-authenticate"], "Bearer");
      }
      await server.http.get("/v1/images").set("Authorization", "Bearer wrong").expect(401);
      for (const path of ["/livez", "/readyz", "/openapi.json"]) await server.http.get(path).expect(200);
    });

    it("each role allows what it says, and no more", async () => {
      const file = await png(1);
      await as("read", "get", "/v1/images").expect(200);
      await as("read", "post", "/v1/search").attach("image", file, "a").expect(200);
      await as("read", "post", "/v1/segments").send({}).expect(400);
      await as("read", "post", "/v1/segments/image").attach("image", file, "a").expect(400);
      await as("read", "post", "/v1/embeddings").attach("image", file, "a").expect(200);
      await as("read", "post", "/v1/images").attach("image", file, "a").expect(403);
      const { body } = await as("write", "post", "/v1/images").attach("image", file, "a").expect(201);
      await as("read", "patch", `/v1/images/${body.images[0].id}`).send({ metadata: {} }).expect(403);
      await as("read", "delete", `/v1/images/${body.images[0].id}`).expect(403);
      const ids = ["none"];
      await as("read", "get", "/v1/facets").expect(200);
      await as("read", "post", "/v1/images/archive").send({ ids }).expect(200);
      await as("read", "patch", "/v1/images").send({ ids, metadata: {} }).expect(403);
      await as("read", "post", "/v1/images/delete").send({ ids }).expect(403);
      await as("write", "patch", "/v1/images").send({ ids, metadata: {} }).expect(200);
      await as("write", "post", "/v1/images/delete").send({ ids }).expect(200);
      await as("write", "post", "/v1/models/other/activate").expect(403);
      await as("write", "post", "/v1/rollback").expect(403);
      await as("admin", "post", "/v1/rollback").expect(409);
      await as("read", "get", "/v1/trainings").expect(200);
      await as("read", "get", "/v1/trainings/none/events").expect(404);
      await as("read", "get", "/v1/trainings/none/files/report.html").expect(404);
      await as("write", "post", "/v1/trainings")
        .send({})
        .expect(403, /"forbidden"/);
      await as("write", "post", "/v1/trainings/none/stop").expect(403);
      await as("write", "post", "/v1/trainings/none/resume").expect(403);
      await as("write", "delete", "/v1/trainings/none").expect(403);
      await as("admin", "delete", "/v1/trainings/none").expect(404);
      await as("admin", "post", "/v1/trainings")
        .send({})
        .expect(403, /"trainings_off"/);
      await as("admin", "delete", `/v1/images/${body.images[0].id}`).expect(204);
    });

    it("a key that is revoked is refused at once; none is stored readable", async () => {
      const { keys: store, close } = await openApiKeys(server.dataFolder, { create: true });
      assert.ok(!JSON.stringify(await store.list()).includes(keys.read!));
      assert.equal(await store.revoke(ids.read!), true);
      assert.equal(await store.revoke(ids.read!), false);
      close();
      await as("read", "get", "/v1/images").expect(401);
    });

    it("limits the rate", async () => {
      await server.restart({ requireKeys: true, rateLimit: 5 });
      const statuses = [];
      for (let i = 0; i < 8; i++) statuses.push((await as("admin", "get", "/v1/models")).status);
      assert.deepEqual(statuses, [200, 200, 200, 200, 200, 429, 429, 429]);
      assert.equal((await as("admin", "get", "/v1/models")).body.code, "rate_limited");
      await server.http.get("/livez").expect(200);
    });
  });

  it("without keys, pages of other origins and other host names are refused", async () => {
    const origin = (value: string) => server.http.get("/v1/images").set("Origin", value);
    assert.equal((await origin("https://evil.example").expect(403)).body.code, "forbidden");
    await origin("null").expect(403);
    await origin(server.url).expect(200);
    await server.http.get("/v1/images").set("Host", "evil.example").expect(403);
    await server.http.get("/v1/images").set("Host", "localhost:3000").expect(200);
  });

  it("without keys, what a browser sends for another site without an Origin is refused too", async () => {
    const fromSite = (site: string, path: string) => server.http.get(path).set("Sec-Fetch-Site", site);
    for (const site of ["cross-site", "same-site"]) {
      assert.equal((await fromSite(site, "/v1/duplicates").expect(403)).body.code, "forbidden");
      const form = server.http.post("/v1/images").set("Sec-Fetch-Site", site);
      await form.attach("image", await png(5), "a").expect(403);
      await fromSite(site, "/").expect(200); // a link to the page
    }
    for (const site of ["none", "same-origin"]) await fromSite(site, "/v1/duplicates").expect(200);
  });

  it("sends headers that keep browsers safe", async () => {
    const { headers } = await server.http.get("/v1/images").expect(200);
    assert.equal(headers["x-content-type-options"], "nosniff");
    assert.match(headers["content-security-policy"]!, /default-src 'self'.*;frame-ancestors 'none'/);
    assert.equal(headers["cross-origin-resource-policy"], "same-origin");
    assert.equal(headers["x-powered-by"], undefined);
  });

  it("cuts off a client that sends too slowly, and serves the others meanwhile", async () => {
    await server.restart({ requestSeconds: 0.5 });
    const { hostname, port } = new URL(server.url);
    const answers = ["GET / HTT", "POST /v1/images HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{"].map(
      async (begin) => {
        const socket = connect(Number(port), hostname);
        socket.write(begin);
        const [answer] = await Promise.all([text(socket), once(socket, "close")]);
        return answer;
      },
    );
    await server.http.get("/livez").expect(200);
    for (const answer of await Promise.all(answers)) assert.match(answer, /^HTTP\/1\.1 4(08|15)/);
    await server.restart({});
  });

  it("ends an encoder that hangs and starts it again", async () => {
    await server.restart({ runSeconds: 0.5 });
    const [pid] = encoderPids();
    process.kill(pid!, "SIGSTOP");
    const file = await png(2);
    const embed = () => server.http.post("/v1/embeddings").attach("image", file, "a");
    assert.equal((await embed().expect(503)).body.code, "encoder_unavailable");
    const deadline = Date.now() + 30_000;
    for (let status = 503; status !== 200; status = (await embed()).status) {
      assert.ok(Date.now() < deadline);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    assert.notDeepEqual(encoderPids(), [pid]);
  });
});
