// Three real servers on one PostgreSQL and one S3: what one acknowledges all of them answer, and they switch as one.
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import type { SwapView } from "../../server/domain/swap.ts";
import { type Cluster, type ClusterServer, createCluster, searchOn, uploadTo } from "../../support/cluster.ts";
import { png } from "../../support/pictures.ts";
import { untilEnded } from "../../support/swaps.ts";

describe("three servers of one storage", () => {
  let cluster: Cluster;
  let servers: [ClusterServer, ClusterServer, ClusterServer];
  before(async function () {
    this.timeout(900_000);
    cluster = await createCluster();
    // The first stores the model. Unlike S3, s3rver gives half of it to who reads it while it is stored again.
    const first = await cluster.startServer();
    servers = [first, ...(await Promise.all([cluster.startServer(), cluster.startServer()]))];
  });
  after(() => cluster.close());

  const ended = (server: ClusterServer, id: string) =>
    untilEnded<SwapView>(async () => (await server.http.get(`/v1/swaps/${id}`).expect(200)).body, 400_000);
  const activate = async (server: ClusterServer, name: string, at = server) => {
    const { body } = await server.http.post(`/v1/models/${name}/activate`).expect(202);
    return ended(at, body.swap.id);
  };

  it("know of each other, and one of them runs swaps", async () => {
    for (let look = 0; look < 50; look++) {
      const { body } = await servers[1].http.get("/v1/servers").expect(200);
      assert.equal(body.servers.length, 3);
      assert.deepEqual(
        new Set(body.servers.map(({ url }: { url: string }) => url)),
        new Set(servers.map(({ url }) => url)),
      );
      const isReady = body.servers.every(({ ready }: { ready: boolean }) => ready);
      if (isReady && body.servers.filter(({ leads }: { leads: boolean }) => leads).length === 1) return;
      await sleep(200);
    }
    assert.fail("no server leads");
  });

  it("find on every server what one has acknowledged, and no more what one has deleted", async () => {
    for (let seed = 0; seed < 9; seed++) {
      const { id } = await uploadTo(servers[seed % 3]!, seed);
      for (const server of servers) assert.equal((await searchOn(server, seed)).matches[0].id, id);
      if (seed % 3 !== 0) continue;
      await servers[(seed + 1) % 3]!.http.delete(`/v1/images/${id}`).expect(204);
      for (const server of servers) {
        assert.ok(!(await searchOn(server, seed)).matches.some((match: { id: string }) => match.id === id));
        await server.http.get(`/v1/images/${id}`).expect(404);
      }
    }
    const { body } = await servers[0].http.get("/v1/images").expect(200);
    const content = await servers[2].http.get(`/v1/images/${body.images[0].id}/content`).expect(200);
    assert.deepEqual(content.body, await png(8));
  });

  it("switch as one: no server answers with the old model after any has answered with the new one", async function () {
    this.timeout(900_000);
    for (const [at, name] of [
      [1, "other"],
      [2, "default"],
    ] as const) {
      let newest = 0;
      let went = 0;
      let stop = false;
      const client = async (offset: number) => {
        let seen = 0;
        for (let n = offset; !stop; n++) {
          const { generation } = await searchOn(servers[n % 3]!, n % 9);
          if (generation < seen) went++;
          seen = generation;
          newest = Math.max(newest, generation);
          await sleep(20);
        }
      };
      const clients = [client(0), client(1)];
      const uploads = (async () => {
        for (let seed = 100 * (at + 1); !stop; seed++) {
          await uploadTo(servers[seed % 3]!, seed);
          await sleep(100);
        }
      })();
      const swap = await activate(servers[at]!, name, servers[0]);
      assert.equal(swap.state, "active", JSON.stringify(swap.error));
      const lists = await Promise.all(servers.map((server) => server.http.get("/v1/models").expect(200)));
      for (const { body } of lists) assert.equal(body.active.generation, swap.generation);
      for (const server of servers) assert.equal((await searchOn(server, 1)).generation, swap.generation);
      stop = true;
      await Promise.all([...clients, uploads]);
      assert.equal(went, 0);
      assert.equal(newest, swap.generation);
    }
  });

  it("roll back from any server", async function () {
    this.timeout(500_000);
    const before = (await searchOn(servers[0], 1)).generation;
    const { body } = await servers[2].http.post("/v1/rollback").expect(202);
    const swap = await ended(servers[1], body.swap.id);
    assert.equal(swap.state, "active", JSON.stringify(swap.error));
    for (const server of servers) assert.notEqual((await searchOn(server, 1)).generation, before);
  });

  it("take a server in that starts later, and go on when one stops", async function () {
    this.timeout(900_000);
    const fourth = await cluster.startServer();
    assert.equal((await searchOn(fourth, 1)).matches.length > 0, true);
    await servers[0].close();
    const swap = await activate(fourth, (await searchOn(fourth, 1)).model.name === "other" ? "default" : "other");
    assert.equal(swap.state, "active", JSON.stringify(swap.error));
    for (const server of [fourth, servers[1], servers[2]]) {
      assert.equal((await searchOn(server, 1)).generation, swap.generation);
    }
    const { body } = await fourth.http.get("/v1/servers").expect(200);
    assert.equal(body.servers.length, 3);
  });
});
