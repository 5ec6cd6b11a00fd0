// Servers that lose the database, and a database that goes away.
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import type { SwapView } from "../../server/domain/swap.ts";
import { createPostgresCatalogue } from "../../server/storage/postgres/catalogue.ts";
import { openDatabase } from "../../server/storage/postgres/database.ts";
import { createServers } from "../../server/storage/postgres/servers.ts";
import { type Cluster, type ClusterServer, createCluster } from "../../support/cluster.ts";
import { type Relay, startRelay } from "../../support/network.ts";
import { png } from "../../support/pictures.ts";
import { crashPostgres, createDatabase, restartPostgres, runSql } from "../../support/postgres.ts";
import { untilEnded } from "../../support/swaps.ts";
import { cardOf } from "../../support/tiny-model.ts";

/** Tries until `action` succeeds. */
async function until(action: () => Promise<void>, seconds = 120): Promise<void> {
  for (const deadline = Date.now() + seconds * 1000; ; await sleep(200)) {
    try {
      return await action();
    } catch (error) {
      if (Date.now() > deadline) throw error;
    }
  }
}

describe("the lead over swaps", () => {
  it("is one server's, and what another began in it is refused once it has passed on", async () => {
    const { url, remove } = await createDatabase();
    const [one, two] = await Promise.all(
      [1, 2].map(async () => {
        const database = await openDatabase(url);
        const reign = {};
        return { database, swaps: createPostgresCatalogue(database, reign), servers: createServers(database, reign) };
      }),
    );
    const { swaps: catalogue } = one!;
    await catalogue.generations.addFirst(cardOf({ seed: 1 }));
    assert.equal(await one!.servers.lead("one"), true);
    assert.equal(await two!.servers.lead("two"), false);
    assert.equal(await one!.servers.renew(), true);
    const { id } = await catalogue.swaps.begin(cardOf({ seed: 2 }), { force: false });
    await catalogue.swaps.enter(id, "warming");
    // The database ends the leader's connection, as after a cable was pulled; the leader does not know yet.
    await runSql(
      url,
      `SELECT pg_terminate_backend(pid) FROM pg_locks JOIN pg_database d ON d.oid = database
       WHERE locktype = 'advisory' AND granted AND datname = current_database()`,
    );
    await until(async () => assert.equal(await two!.servers.lead("two"), true));
    for (const late of [
      () => catalogue.swaps.enter(id, "ready"),
      () => catalogue.swaps.end(id, "failed"),
      () => catalogue.swaps.switchTo(id),
    ]) {
      await assert.rejects(late(), { code: "swap_finished", message: /Another server/ });
    }
    assert.equal(await one!.servers.renew(), false);
    assert.equal(await two!.swaps.swaps.switchTo(id), true);
    for (const { database, servers } of [one!, two!]) {
      servers.close();
      await database.close();
    }
    await remove();
  });
});

describe("a database that ends the connection of a transaction", () => {
  it("fails the transaction and not the server, between two statements too", async () => {
    const { url, remove } = await createDatabase();
    const database = await openDatabase(url);
    const crossed = database.transaction(async (query) => {
      const [own] = await query<{ pid: number }>("SELECT pg_backend_pid() AS pid");
      await runSql(url, `SELECT pg_terminate_backend(${own!.pid}, 5000)`);
      await sleep(200); // the end arrives while nothing is asked
      await query("SELECT");
    });
    await assert.rejects(crossed, { code: "storage_unavailable" });
    assert.deepEqual(await database.query("SELECT 1 AS there"), [{ there: 1 }]);
    await database.close();
    await remove();
  });
});

describe("a commit of a server that is cut off", () => {
  it("holds up the others' commits for some seconds alone", async () => {
    const { url, remove } = await createDatabase();
    const address = new URL(url);
    const relay = await startRelay(Number(address.port));
    address.port = String(relay.port);
    const [cutOff, other] = await Promise.all([openDatabase(address.href), openDatabase(url)]);
    const { generations, images } = createPostgresCatalogue(other);
    const { encoder } = await generations.addFirst(cardOf({ seed: 1, dimensions: 2 }));
    await cutOff
      .transaction(async (query) => {
        await query("SELECT FROM moco_search FOR UPDATE"); // as a commit does last
        relay.cut();
        const added = await images.add(
          { sha256: "a".repeat(64), type: "png", width: 1, height: 1, bytes: 1, metadata: {} },
          new Map([[encoder, Float32Array.of(0.6, 0.8)]]),
        );
        assert.ok("image" in added);
        relay.mend();
      })
      .then(
        () => assert.fail("the database has ended this transaction"),
        (error) => assert.equal(error.code, "storage_unavailable"),
      );
    await Promise.all([cutOff.close(), other.close()]);
    relay.close();
    await remove();
  });
});

describe("a server that is cut off", function () {
  this.timeout(900_000);
  let cluster: Cluster;
  let relay: Relay;
  let server: ClusterServer;
  let cutOff: ClusterServer;
  before(async () => {
    cluster = await createCluster({ ends: true });
    const address = new URL(cluster.database);
    relay = await startRelay(Number(address.port));
    address.port = String(relay.port);
    server = await cluster.startServer();
    cutOff = await cluster.startServer({ database: address.href });
  });
  after(async () => {
    relay.mend();
    await cluster.close();
    relay.close();
  });

  const search = async (at: ClusterServer) =>
    (
      await at.http
        .post("/v1/search")
        .attach("image", await png(1), "a.png")
        .expect(200)
    ).body;
  const activate = async (name: string) => {
    const { body } = await server.http.post(`/v1/models/${name}/activate`).expect(202);
    return untilEnded<SwapView>(async () => (await server.http.get(`/v1/swaps/${body.swap.id}`)).body, 400_000);
  };

  it("answers 503 and why, is not waited for by a switch, and returns by itself with the new model", async () => {
    await server.http
      .post("/v1/images")
      .attach("image", await png(1), "a.png")
      .expect(201);
    assert.equal((await search(cutOff)).matches.length, 1);
    relay.cut();
    await until(async () => {
      const { body } = await cutOff.http.get("/v1/images").timeout(1000).expect(503);
      assert.equal(body.code, "storage_unavailable");
      assert.match(body.detail, /lost touch/);
    });
    await cutOff.http.get("/livez").expect(200);
    await cutOff.http.get("/readyz").expect(503);
    const swap = await activate("other");
    assert.equal(swap.state, "active", JSON.stringify(swap.error));
    await cutOff.http.get("/v1/images").timeout(1000).expect(503);
    relay.mend();
    await until(async () => assert.equal((await search(cutOff)).generation, swap.generation));
    await cutOff.http.get("/readyz").expect(200);
  });

  it("waits for a database that crashes during a swap, and the swap goes on", async () => {
    const { body } = await server.http.post("/v1/models/default/activate").expect(202);
    await crashPostgres();
    await until(async () => void (await server.http.get("/v1/images").timeout(8000).expect(503)));
    await restartPostgres();
    const swap = await untilEnded<SwapView>(async () => {
      const answer = await server.http.get(`/v1/swaps/${body.swap.id}`);
      return answer.status === 200 ? answer.body : undefined;
    }, 400_000);
    assert.equal(swap.state, "active", JSON.stringify(swap.error));
    for (const one of [server, cutOff]) {
      await until(async () => assert.equal((await search(one)).generation, swap.generation));
    }
  });
});
